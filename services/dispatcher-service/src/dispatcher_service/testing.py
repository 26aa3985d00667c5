"""What a provider that honours keys promises: one suite for the HTTP provider and for what stands in for it."""

import asyncio
from enum import Enum, auto
from typing import Protocol
from uuid import uuid4

import pytest

from dispatcher_service.domain import Answer, Letter, Verdict
from dispatcher_service.ports import Provider
from servicekit.testing import wait_until

#: Longer than a call takes that is answered, on a busy machine too.
TIMEOUT_SECONDS = 2.0
#: For calls that are not answered in time: shorter than a slow one takes.
SHORT_TIMEOUT_SECONDS = 0.4


class Fault(Enum):
    """What happens to every call."""

    REFUSED = auto()  # with 503
    REFUSED_FOR_GOOD = auto()  # with 422
    REQUEST_LOST = auto()
    ANSWER_LOST = auto()
    SLOW = auto()


class ProviderWorld(Protocol):
    """A provider, and what it did."""

    provider: Provider

    async def befall(self, fault: Fault | None) -> None:
        """This happens from now on, or nothing more."""

    async def calls(self) -> int:
        """How many calls have come to it."""

    async def greetings(self, key: str) -> int:
        """How often who is meant by the key was greeted."""


class ProviderContract:
    async def test_a_letter_is_one_greeting_and_has_an_id(self, world: ProviderWorld) -> None:
        answer = await world.provider.send(letter(key := new_key()), TIMEOUT_SECONDS)
        assert (answer.verdict, answer.failing, bool(answer.provider_message_id)) == (Verdict.ACCEPTED, False, True)
        assert await world.greetings(key) == 1

    async def test_a_known_key_is_answered_as_before_and_is_no_second_greeting(self, world: ProviderWorld) -> None:
        key = new_key()
        first, again = [await world.provider.send(letter(key), TIMEOUT_SECONDS) for _ in range(2)]
        assert again == first
        assert await world.greetings(key) == 1

    async def test_letters_of_two_keys_are_two_greetings(self, world: ProviderWorld) -> None:
        keys = [new_key(), new_key()]
        answers = await asyncio.gather(*(world.provider.send(letter(key), TIMEOUT_SECONDS) for key in keys))
        assert len({answer.provider_message_id for answer in answers}) == 2
        assert [await world.greetings(key) for key in keys] == [1, 1]

    @pytest.mark.parametrize("other", [{"text": "Hey, Bob"}, {"email": "bob@example.com"}], ids=["text", "address"])
    async def test_a_known_key_with_another_body_is_refused_for_good(self, world: ProviderWorld, other: dict[str, str]) -> None:
        key = new_key()
        await world.provider.send(letter(key), TIMEOUT_SECONDS)
        assert known(await world.provider.send(letter(key, **other), TIMEOUT_SECONDS)) == (Verdict.PERMANENT, "http_422", False)
        assert await world.greetings(key) == 1

    async def test_what_is_refused_is_not_taken_in_and_may_be_taken_in_later(self, world: ProviderWorld) -> None:
        key = new_key()
        await world.befall(Fault.REFUSED)
        assert known(await world.provider.send(letter(key), TIMEOUT_SECONDS)) == (Verdict.REFUSED, "http_503", True)
        assert await world.greetings(key) == 0
        await world.befall(None)
        assert (await world.provider.send(letter(key, text="Hey, Bob"), TIMEOUT_SECONDS)).verdict is Verdict.ACCEPTED
        assert await world.greetings(key) == 1

    async def test_what_is_refused_for_good_is_not_taken_in(self, world: ProviderWorld) -> None:
        key = new_key()
        await world.befall(Fault.REFUSED_FOR_GOOD)
        assert known(await world.provider.send(letter(key), TIMEOUT_SECONDS)) == (Verdict.PERMANENT, "http_422", False)
        assert await world.greetings(key) == 0

    @pytest.mark.parametrize(("fault", "greetings"), [(Fault.REQUEST_LOST, 0), (Fault.ANSWER_LOST, 1), (Fault.SLOW, 1)])
    async def test_what_is_not_answered_in_time_is_unsure_and_one_greeting_in_the_end(
        self, world: ProviderWorld, fault: Fault, greetings: int
    ) -> None:
        key = new_key()
        await world.provider.send(letter(new_key()), TIMEOUT_SECONDS)  # The time goes into the call, none into a connection.
        await world.befall(fault)
        began = asyncio.get_running_loop().time()
        answer = await world.provider.send(letter(key), SHORT_TIMEOUT_SECONDS)
        assert known(answer) == (Verdict.UNSURE, "no_answer", True)
        assert asyncio.get_running_loop().time() - began < SHORT_TIMEOUT_SECONDS + 1
        await until_greeted(world, key, greetings)
        await world.befall(None)
        assert (await world.provider.send(letter(key), TIMEOUT_SECONDS)).verdict is Verdict.ACCEPTED
        assert await world.greetings(key) == 1

    async def test_a_call_that_was_given_up_may_have_been_taken_in(self, world: ProviderWorld) -> None:
        key = new_key()
        await world.befall(Fault.SLOW)
        calling = asyncio.create_task(world.provider.send(letter(key), 5))
        await wait_until(world.calls, what="the call to come to the provider")
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await until_greeted(world, key, 1)
        await world.befall(None)
        assert (await world.provider.send(letter(key), TIMEOUT_SECONDS)).verdict is Verdict.ACCEPTED
        assert await world.greetings(key) == 1


def letter(key: str, email: str = "ada@example.com", text: str = "Hey, Ada") -> Letter:
    return Letter(key, email, "Hello", text)


def new_key() -> str:
    return str(uuid4())


def known(answer: Answer) -> tuple[Verdict, str, bool]:
    return answer.verdict, answer.reason, answer.failing


async def until_greeted(world: ProviderWorld, key: str, greetings: int) -> None:
    async def is_greeted() -> bool:
        return await world.greetings(key) == greetings

    await wait_until(is_greeted, what="what is on its way")
