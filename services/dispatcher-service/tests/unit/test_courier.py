"""One message: the tries within a call, what counts as one, and what is known at the end."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dispatcher_service.adapters.memory import PlainComposer, ScriptedProvider
from dispatcher_service.domain import Answer, CannotCompose, Due, Verdict
from dispatcher_service.gate import Timing
from servicekit.breaker import Breaker
from servicekit.runtime import Backoff

MakeDue = Callable[..., Due]

REFUSED = Answer(Verdict.REFUSED, "http_500", failing=True)
UNSURE = Answer(Verdict.UNSURE, "no_answer", failing=True)
PERMANENT = Answer(Verdict.PERMANENT, "http_422", "no such person")


async def test_an_accepted_message_is_called_once_and_tells_all(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider([Answer(Verdict.ACCEPTED, provider_message_id="p-1")])
    result = await rig(provider).send_one(due())
    assert (result.verdict, result.provider, result.provider_message_id, result.call_count) == (Verdict.ACCEPTED, "memory", "p-1", 1)
    assert result.dispatched_at <= result.responded_at
    assert not result.unsure


async def test_a_refused_message_is_tried_three_times(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider([REFUSED] * 3)
    result = await rig(provider).send_one(due())
    assert (result.verdict, result.reason, result.call_count, result.unsure) == (Verdict.REFUSED, "http_500", 3, False)


async def test_a_refusal_is_forgotten_by_a_later_acceptance(rig: Any, due: MakeDue) -> None:
    result = await rig(ScriptedProvider([REFUSED, REFUSED])).send_one(due())
    assert (result.verdict, result.call_count, result.reason) == (Verdict.ACCEPTED, 3, "")


async def test_a_permanent_refusal_is_not_tried_again(rig: Any, due: MakeDue) -> None:
    result = await rig(ScriptedProvider([PERMANENT])).send_one(due())
    assert (result.verdict, result.call_count, result.reason, result.detail) == (Verdict.PERMANENT, 1, "http_422", "no such person")


async def test_every_try_carries_the_same_key_and_content(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider([REFUSED, UNSURE])
    await rig(provider).send_one(due())
    first, *others = (letter for letter, _ in provider.calls)
    assert len(others) == 2
    assert all(letter == first for letter in others)


async def test_an_unsure_try_is_repeated_where_keys_are_honoured(rig: Any, due: MakeDue) -> None:
    result = await rig(ScriptedProvider([UNSURE])).send_one(due())
    assert (result.verdict, result.call_count) == (Verdict.ACCEPTED, 2)


async def test_an_unsure_try_is_not_repeated_where_they_are_not(rig: Any, due: MakeDue) -> None:
    result = await rig(ScriptedProvider([UNSURE]), repeat_unsure=False).send_one(due())
    assert (result.verdict, result.call_count, result.unsure) == (Verdict.UNSURE, 1, True)


@pytest.mark.parametrize("last", [REFUSED, PERMANENT], ids=["refused", "permanent"])
async def test_a_message_stays_unsure_whatever_is_said_later(rig: Any, due: MakeDue, last: Answer) -> None:
    result = await rig(ScriptedProvider([UNSURE, last]), tries=2).send_one(due())
    assert (result.verdict, result.unsure) == (last.verdict, True)


async def test_the_waits_between_tries_double_up_to_a_longest_one(rig: Any, due: MakeDue) -> None:
    waits: list[float] = []
    rigged = rig(ScriptedProvider([REFUSED] * 3), tries=4, backoff=Backoff(8, 20))

    async def rest(seconds: float, deadline: float) -> bool:
        waits.append(seconds)
        return True

    rigged.gate.rest = rest
    await rigged.send_one(due())
    assert [longest / 2 <= wait <= longest for wait, longest in zip(waits, (8, 16, 20), strict=True)] == [True] * 3


async def test_retry_after_is_waited_for_before_the_next_try(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider([Answer(Verdict.REFUSED, "http_429", pause_seconds=0.2)])
    started = asyncio.get_running_loop().time()
    result = await rig(provider).send_one(due())
    assert (result.verdict, result.call_count) == (Verdict.ACCEPTED, 2)
    assert asyncio.get_running_loop().time() - started >= 0.2


async def test_retry_after_beyond_the_deadline_ends_the_tries_and_is_passed_on(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider([Answer(Verdict.REFUSED, "http_429", pause_seconds=60)])
    result = await rig(provider).send_one(due(), seconds=1)
    assert (result.verdict, result.call_count, result.retry_after_seconds) == (Verdict.REFUSED, 1, 60)


async def test_a_message_that_cannot_be_composed_is_permanent_and_never_called(rig: Any, due: MakeDue) -> None:
    def refuse(message: Due) -> str:
        raise CannotCompose("compose_failed", "Ada is undefined")

    provider = ScriptedProvider()
    result = await rig(provider, composer=PlainComposer(refuse)).send_one(due())
    assert (result.verdict, result.reason, result.call_count, provider.calls) == (Verdict.PERMANENT, "compose_failed", 0, [])
    assert result.detail == "[name] is undefined"
    assert result.provider == ""


async def test_what_the_provider_says_is_kept_without_personal_data(rig: Any, due: MakeDue) -> None:
    said = "cannot reach Ada Lovelace\n<ada@example.com>: " + "x" * 1000
    result = await rig(ScriptedProvider([Answer(Verdict.PERMANENT, "http_422", said)])).send_one(due())
    assert result.detail.startswith("cannot reach [name] [name] <[address]>: xxx")
    assert len(result.detail) == 500


async def test_a_call_never_gets_more_time_than_the_deadline_leaves(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider()
    await rig(provider, timing=Timing(call=10, call_minimum=0.05, margin=0.05, pause_longest=1)).send_one(due(), seconds=5)
    ((_, timeout_seconds),) = provider.calls
    assert 3 < timeout_seconds <= 4.95


async def test_a_message_is_not_tried_when_the_deadline_is_near(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider()
    result = await rig(provider).send_one(due(), seconds=0.08)
    assert (result.verdict, result.reason, result.call_count, provider.calls) == (Verdict.NOT_TRIED, "deadline", 0, [])


async def test_no_further_try_is_begun_when_the_deadline_is_near(rig: Any, due: MakeDue) -> None:
    result = await rig(ScriptedProvider([REFUSED] * 3), backoff=Backoff(1, 1)).send_one(due(), seconds=0.3)
    assert (result.verdict, result.call_count) == (Verdict.REFUSED, 1)


async def test_an_open_breaker_lets_nothing_through_and_uses_no_try(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider([REFUSED] * 2)
    rigged = rig(provider, breaker=Breaker("open", failures_to_open=2, open_seconds=30), tries=2)
    await rigged.send_one(due())
    result = await rigged.send_one(due(1))
    assert (result.verdict, result.reason, result.call_count) == (Verdict.NOT_TRIED, "breaker_open", 0)
    assert 25 < result.retry_after_seconds <= 30
    assert len(provider.calls) == 2


async def test_a_breaker_that_opens_between_tries_leaves_the_last_answer(rig: Any, due: MakeDue) -> None:
    rigged = rig(ScriptedProvider([REFUSED] * 3), breaker=Breaker("between", failures_to_open=1, open_seconds=30))
    result = await rigged.send_one(due())
    assert (result.verdict, result.reason, result.call_count) == (Verdict.REFUSED, "http_500", 1)


async def test_probes_close_the_breaker_again(rig: Any, due: MakeDue) -> None:
    breaker = Breaker("probe", failures_to_open=1, open_seconds=0.4)
    rigged = rig(ScriptedProvider([REFUSED, REFUSED]), breaker=breaker, tries=1)
    await rigged.send_one(due())
    await asyncio.sleep(0.45)
    assert (await rigged.send_one(due())).verdict is Verdict.REFUSED
    assert (await rigged.send_one(due())).verdict is Verdict.NOT_TRIED
    await asyncio.sleep(0.45)
    assert (await rigged.send_one(due())).verdict is Verdict.ACCEPTED
    assert breaker.state == "closed"


@pytest.mark.parametrize("answer", [PERMANENT, Answer(Verdict.REFUSED, "http_429")], ids=["a message's own fault", "a throttled call"])
async def test_what_does_not_speak_against_the_provider_leaves_the_breaker_closed(rig: Any, due: MakeDue, answer: Answer) -> None:
    rigged = rig(ScriptedProvider([answer] * 10), breaker=Breaker("calm", failures_to_open=2), tries=1)
    await rigged.send(*(due(index) for index in range(10)))
    assert rigged.breaker.state == "closed"
