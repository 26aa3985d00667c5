"""A slice: one result for each message, groups in time, bounds on what is in flight, and the end of the process."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dispatcher_service.adapters.memory import ScriptedProvider, SharedAllowance
from dispatcher_service.adapters.rate_limit import RateLimit
from dispatcher_service.domain import Answer, Due, Letter, Verdict
from dispatcher_service.gate import Timing
from servicekit.clock import SystemClock
from servicekit.runtime import Backoff

MakeDue = Callable[..., Due]


async def test_each_message_gets_exactly_one_result(rig: Any, due: MakeDue) -> None:
    results = await rig().send(*(due(index) for index in range(300)))
    assert [result.index for result in results] == list(range(300))


async def test_a_slice_of_none_gives_nothing(rig: Any) -> None:
    assert await rig().groups() == []


async def test_what_is_known_together_leaves_together(rig: Any, due: MakeDue) -> None:
    assert len(await rig(group_seconds=0.1).groups(*(due(index) for index in range(100)))) == 1


async def test_one_slow_call_delays_nobody(rig: Any, due: MakeDue) -> None:
    class OneSlow(ScriptedProvider):
        async def send(self, letter: Letter, timeout_seconds: float) -> Answer:
            await asyncio.sleep(1 if letter.email.startswith("slow") else 0)
            return await super().send(letter, timeout_seconds)

    rigged = rig(OneSlow())
    started = rigged.clock.monotonic()
    messages = [due(index, email="slow@example.com" if index == 7 else "fast@example.com") for index in range(20)]
    arrivals = [(group, rigged.clock.monotonic() - started) async for group in rigged.dispatcher.dispatch(messages, started + 5)]
    assert [result.index for result in arrivals[-1][0]] == [7]
    assert arrivals[0][1] < 1


async def test_a_group_waits_for_others_no_longer_than_told(rig: Any, due: MakeDue) -> None:
    rigged = rig(ScriptedProvider(seconds=0.02), concurrency=1, group_seconds=0.05)
    groups = await rigged.groups(*(due(index) for index in range(10)))
    assert sum(len(group) for group in groups) == 10
    assert len(groups) >= 3


async def test_calls_in_flight_are_bounded_over_all_slices(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider(seconds=0.005)
    rigged = rig(provider, concurrency=7)
    await asyncio.gather(*(rigged.send(*(due(index) for index in range(50))) for _ in range(3)))
    assert provider.most_in_flight == 7


async def test_what_does_not_get_its_turn_before_the_deadline_is_not_tried(rig: Any, due: MakeDue) -> None:
    rigged = rig(ScriptedProvider(seconds=0.1), concurrency=1)
    started = rigged.clock.monotonic()
    results = await rigged.send(*(due(index) for index in range(20)), seconds=0.4)
    tried = [result for result in results if result.verdict is Verdict.ACCEPTED]
    assert 1 <= len(tried) <= 4
    assert {result.reason for result in results if result not in tried} == {"deadline"}
    assert rigged.clock.monotonic() - started < 1


async def test_a_defect_makes_a_message_unsure_and_spares_the_others(rig: Any, due: MakeDue) -> None:
    class Defective(ScriptedProvider):
        async def send(self, letter: Letter, timeout_seconds: float) -> Answer:
            if letter.email.startswith("odd"):
                raise RuntimeError("a defect")
            return await super().send(letter, timeout_seconds)

    odd, plain = await rig(Defective()).send(due(0, email="odd@example.com"), due(1))
    assert (odd.verdict, odd.reason, odd.unsure) == (Verdict.UNSURE, "internal", True)
    assert plain.verdict is Verdict.ACCEPTED


async def test_a_pause_the_provider_asks_for_holds_for_all_messages(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider([Answer(Verdict.REFUSED, "http_429", pause_seconds=0.3)])
    rigged = rig(provider, tries=1)
    await rigged.send_one(due())
    started = rigged.clock.monotonic()
    assert (await rigged.send_one(due(1))).verdict is Verdict.ACCEPTED
    assert rigged.clock.monotonic() - started >= 0.25


async def test_a_pause_beyond_the_deadline_is_answered_at_once(rig: Any, due: MakeDue) -> None:
    rigged = rig(ScriptedProvider([Answer(Verdict.REFUSED, "http_429", pause_seconds=1)]), tries=1)
    await rigged.send_one(due())
    started = rigged.clock.monotonic()
    result = await rigged.send_one(due(1), seconds=0.5)
    assert (result.verdict, result.reason) == (Verdict.NOT_TRIED, "provider_pause")
    assert 0.5 < result.retry_after_seconds <= 1
    assert rigged.clock.monotonic() - started < 0.4


async def test_an_accepted_call_may_ask_for_a_pause_too(rig: Any, due: MakeDue) -> None:
    rigged = rig(ScriptedProvider([Answer(Verdict.ACCEPTED, pause_seconds=1)]))
    first = await rigged.send_one(due())
    assert (first.verdict, first.retry_after_seconds) == (Verdict.ACCEPTED, 0)
    assert (await rigged.send_one(due(1), seconds=0.5)).reason == "provider_pause"


async def test_an_absurd_pause_is_cut(rig: Any, due: MakeDue) -> None:
    timing = Timing(call=1, call_minimum=0.05, margin=0.05, pause_longest=0.1)
    rigged = rig(ScriptedProvider([Answer(Verdict.REFUSED, "http_503", pause_seconds=1e9)]), tries=1, timing=timing)
    await rigged.send_one(due())
    assert (await rigged.send_one(due(1), seconds=1)).verdict is Verdict.ACCEPTED


async def test_a_client_that_goes_away_during_a_pause_takes_no_slot_along(rig: Any, due: MakeDue) -> None:
    rigged = rig(ScriptedProvider([Answer(Verdict.REFUSED, "http_429", pause_seconds=0.2)]), tries=1, concurrency=1)
    await rigged.send_one(due())
    waiting = asyncio.create_task(rigged.send_one(due(1)))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await rigged.send_one(due(2))).verdict is Verdict.ACCEPTED


async def test_what_the_rate_limit_does_not_allow_in_time_is_not_tried(rig: Any, due: MakeDue) -> None:
    limit = RateLimit(SharedAllowance(3), 1000, SystemClock())
    results = await rig(rate_limit=limit).send(*(due(index) for index in range(5)), seconds=0.3)
    assert sorted(result.verdict for result in results) == [Verdict.ACCEPTED] * 3 + [Verdict.NOT_TRIED] * 2
    assert {result.reason for result in results} == {"", "rate_limit"}


async def test_stopping_finishes_calls_in_flight_and_gives_the_rest_back(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider(seconds=0.5)
    rigged = rig(provider, concurrency=2)
    sending = asyncio.create_task(rigged.send(*(due(index) for index in range(6))))
    await asyncio.sleep(0.05)
    await rigged.dispatcher.stop()
    assert provider.in_flight == 0
    results = await sending
    assert [result.verdict for result in results] == [Verdict.ACCEPTED] * 2 + [Verdict.NOT_TRIED] * 4
    assert {result.reason for result in results[2:]} == {"stopping"}


async def test_stopping_ends_the_wait_before_another_try(rig: Any, due: MakeDue) -> None:
    rigged = rig(ScriptedProvider([Answer(Verdict.REFUSED, "http_500")]), backoff=Backoff(30, 30))
    sending = asyncio.create_task(rigged.send_one(due(), seconds=100))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(rigged.dispatcher.stop(), 1)
    assert (await sending).verdict is Verdict.REFUSED


async def test_a_slice_that_comes_after_the_stop_is_not_tried(rig: Any, due: MakeDue) -> None:
    rigged = rig()
    await rigged.dispatcher.stop()
    assert (await rigged.send_one(due())).reason == "stopping"


async def test_a_client_that_goes_away_cancels_its_calls_only(rig: Any, due: MakeDue) -> None:
    provider = ScriptedProvider(seconds=0.6)
    rigged = rig(provider)
    others = asyncio.create_task(rigged.send_one(due(5)))
    slice_ = rigged.dispatcher.dispatch([due(index) for index in range(3)], rigged.clock.monotonic() + 5)
    first = asyncio.create_task(anext(slice_))
    await asyncio.sleep(0.05)
    assert provider.in_flight == 4
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await slice_.aclose()
    await asyncio.sleep(0)
    assert provider.in_flight == 1
    assert (await others).verdict is Verdict.ACCEPTED
