"""The HTTP provider against the simulator, over both clients: each way to fail, what is known afterwards, and who was greeted."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dispatcher_service.adapters.http_aiohttp import AiohttpClient
from dispatcher_service.adapters.http_email import HttpEmail
from dispatcher_service.adapters.http_pyreqwest import PyreqwestClient
from dispatcher_service.domain import Letter, Verdict
from servicekit.clock import SystemClock

MakeLetter = Callable[..., Letter]
MakeProvider = Callable[..., HttpEmail]


@pytest.fixture(params=[PyreqwestClient, AiohttpClient])
async def make_provider(request: pytest.FixtureRequest, simulator: Any) -> AsyncIterator[MakeProvider]:
    made = []

    def make(**options: Any) -> HttpEmail:
        options = {"name": "api", "base_url": simulator.url, "refusals": frozenset({500}), **options}
        made.append(HttpEmail(request.param(0.3, "heyday-test"), SystemClock(), **options))
        return made[-1]

    yield make
    for provider in made:
        await provider.close()


async def test_a_letter_is_accepted(make_provider: MakeProvider, letter: MakeLetter, simulator: Any) -> None:
    answer = await make_provider().send(letter(), 1)
    (received,) = await simulator.received()
    assert (answer.verdict, answer.provider_message_id, answer.failing) == (Verdict.ACCEPTED, received["message_id"], False)
    assert (received["key"], received["email"], received["message"]) == ("key-1", "ada@example.com", "Hey, Ada")
    assert json.loads(received["body"]) == {"email": "ada@example.com", "message": "Hey, Ada"}


async def test_further_fields_go_along_where_the_provider_takes_them(
    make_provider: MakeProvider, letter: MakeLetter, simulator: Any
) -> None:
    await make_provider(fields=frozenset({"subject", "html", "from", "replyTo"})).send(letter(html="<p>Hey</p>"), 1)
    (received,) = await simulator.received()
    content = json.loads(received["body"])
    assert content.keys() == {"email", "message", "subject", "html", "from"}  # no replyTo: the letter has none


@pytest.mark.parametrize("status", [500, 503, 408, 425, 401, 403, 302])
async def test_a_status_by_which_nothing_was_taken_in(make_provider: MakeProvider, letter: MakeLetter, simulator: Any, status: int) -> None:
    await simulator.control(failure_share=1, failure_codes=[status])
    answer = await make_provider().send(letter(), 1)
    assert (answer.verdict, answer.reason, answer.failing) == (Verdict.REFUSED, f"http_{status}", True)


@pytest.mark.parametrize("status", [400, 404, 410, 413, 422])
async def test_a_status_that_another_try_would_not_change(
    make_provider: MakeProvider, letter: MakeLetter, simulator: Any, status: int
) -> None:
    await simulator.control(failure_share=1, failure_codes=[status])
    answer = await make_provider().send(letter(), 1)
    assert (answer.verdict, answer.reason, answer.failing) == (Verdict.PERMANENT, f"http_{status}", False)


@pytest.mark.parametrize("status", [501, 502, 504, 507, 599])
async def test_a_status_after_which_it_may_have_been_taken_in(
    make_provider: MakeProvider, letter: MakeLetter, simulator: Any, status: int
) -> None:
    await simulator.control(failure_share=1, failure_codes=[status])
    answer = await make_provider().send(letter(), 1)
    assert (answer.verdict, answer.reason, answer.failing) == (Verdict.UNSURE, f"http_{status}", True)


async def test_a_conflict_under_the_key_may_still_be_taken_in(make_provider: MakeProvider, letter: MakeLetter, simulator: Any) -> None:
    await simulator.control(failure_share=1, failure_codes=[409])
    assert (await make_provider().send(letter(), 1)).verdict is Verdict.UNSURE


async def test_500_is_unsure_where_the_provider_does_not_name_it_as_a_refusal(
    make_provider: MakeProvider, letter: MakeLetter, simulator: Any
) -> None:
    await simulator.control(failure_share=1, failure_codes=[500])
    assert (await make_provider(refusals=frozenset()).send(letter(), 1)).verdict is Verdict.UNSURE


async def test_a_throttled_call_is_refused_with_the_wait_asked_for(make_provider: MakeProvider, letter: MakeLetter, simulator: Any) -> None:
    await simulator.control(throttle_share=1, retry_after_seconds=7)
    answer = await make_provider().send(letter(), 1)
    assert (answer.verdict, answer.pause_seconds, answer.failing) == (Verdict.REFUSED, 7, False)


async def test_success_false_is_refused(make_provider: MakeProvider, letter: MakeLetter, simulator: Any) -> None:
    await simulator.control(unsuccessful_share=1)
    answer = await make_provider().send(letter(), 1)
    assert (answer.verdict, answer.reason) == (Verdict.REFUSED, "success_false")


async def test_an_unreadable_200_is_unsure(make_provider: MakeProvider, letter: MakeLetter, simulator: Any) -> None:
    await simulator.control(rubbish_share=1)
    answer = await make_provider().send(letter(), 1)
    assert (answer.verdict, answer.reason) == (Verdict.UNSURE, "unreadable_answer")
    assert (await simulator.stats())["greetings"] == 1


async def test_a_refused_connection_is_refused(make_provider: MakeProvider, letter: MakeLetter) -> None:
    answer = await make_provider(base_url="http://127.0.0.1:1").send(letter(), 1)
    assert (answer.verdict, answer.reason, answer.failing) == (Verdict.REFUSED, "not_connected", True)


@pytest.mark.parametrize(("fault", "greetings"), [("reset_share", 0), ("hang_share", 0), ("drop_share", 1), ("lose_share", 1)])
async def test_no_answer_is_unsure_whether_it_was_taken_in_or_not(
    make_provider: MakeProvider, letter: MakeLetter, simulator: Any, fault: str, greetings: int
) -> None:
    await simulator.control(**{fault: 1})
    answer = await make_provider().send(letter(), 0.4)
    assert (answer.verdict, answer.reason, answer.failing) == (Verdict.UNSURE, "no_answer", True)
    assert (await simulator.stats())["greetings"] == greetings


@pytest.mark.parametrize("fault", ["drop_share", "lose_share", "rubbish_share"])
async def test_after_a_lost_answer_the_same_key_is_one_greeting(
    make_provider: MakeProvider, letter: MakeLetter, simulator: Any, fault: str
) -> None:
    provider = make_provider()
    await simulator.control(**{fault: 1})
    await provider.send(letter(), 0.4)
    await simulator.control(**{fault: 0})
    answer = await provider.send(letter(), 1)
    (received,) = await simulator.received()
    assert (answer.verdict, answer.provider_message_id) == (Verdict.ACCEPTED, received["message_id"])
    assert (received["calls"], received["greetings"], len(received["repeated_at"])) == (2, 1, 1)


async def test_without_keys_two_calls_are_two_greetings(make_provider: MakeProvider, letter: MakeLetter, simulator: Any) -> None:
    await simulator.control(keys=False)
    provider = make_provider()
    await provider.send(letter(), 1)
    await provider.send(letter(), 1)
    assert (await simulator.stats())["doubled"] == 1


async def test_connections_refused_for_a_while_are_refusals_and_then_it_goes_on(
    make_provider: MakeProvider, letter: MakeLetter, simulator: Any
) -> None:
    provider = make_provider()
    await simulator.control(refuse_seconds=1)
    await asyncio.sleep(0.1)
    assert (await provider.send(letter(), 1)).verdict is Verdict.REFUSED
    await asyncio.sleep(1.2)
    assert (await provider.send(letter(), 1)).verdict is Verdict.ACCEPTED
