"""The whole service on real Postgres, Redis and Kafka, with a dispatcher that plays what it is told."""

import asyncio
from collections.abc import Callable
from typing import Any

from heyday.dispatcher.v1.dispatcher_service_pb2 import DispatchResult
from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service import bootstrap
from servicekit.testing import wait_until

Make = Callable[..., MessageDue]


async def test_each_due_message_is_dispatched_once_and_told_as_sent(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    dues = [due_record() for _ in range(1200)]
    async with mesh.notifier():
        await mesh.emit(dues)
        outcomes = await mesh.outcomes_of(*dues)
    assert {outcome.result for outcome in outcomes} == {MessageOutcome.SENT}
    assert len(outcomes) == len(dues)
    assert set(dispatcher[0].calls.values()) == {1}
    assert max(dispatcher[0].slices) <= 500
    assert all(outcome.provider_message_id == outcome.id.hex() for outcome in outcomes)


async def test_a_record_that_comes_again_is_told_again_and_not_sent_again(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        await mesh.outcomes_of(due)
        await mesh.emit([due])
        outcomes = await mesh.outcomes_of(due, least=2)
    assert [outcome.result for outcome in outcomes] == [MessageOutcome.SENT] * 2
    assert dispatcher[0].calls[due.id] == 1


async def test_without_redis_nothing_is_sent_twice(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    due = due_record()
    async with mesh.notifier(redis_url="redis://127.0.0.1:9/0"):
        await mesh.emit([due])
        await mesh.outcomes_of(due)
        await mesh.emit([due])
        await mesh.outcomes_of(due, least=2)
    assert dispatcher[0].calls[due.id] == 1


async def test_a_refusal_is_told_as_a_retry_with_its_time(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].play = lambda due, call: DispatchResult(result="REFUSED", reason="http_503")
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert (outcome.result, outcome.attempt, outcome.reason) == (MessageOutcome.RETRY, 1, "http_503")
    assert outcome.HasField("next_attempt_time")


async def test_a_permanent_refusal_is_a_dead_letter_before_it_is_told(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].play = lambda due, call: DispatchResult(result="PERMANENT", reason="http_422", detail="no such mailbox")
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert outcome.result == MessageOutcome.FAILED
    (letter,) = mesh.dead_letters(due)
    assert (letter.reason, letter.detail) == ("http_422", "no such mailbox")


async def test_a_cancel_overtakes_its_message(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    due = due_record()
    async with mesh.notifier():
        await mesh.cancel(due, 1)
        await mesh.outcomes_of(due)
        await mesh.emit([due])
        outcomes = await mesh.outcomes_of(due, least=2)
    assert {outcome.result for outcome in outcomes} == {MessageOutcome.CANCELLED}
    assert dispatcher[0].calls[due.id] == 0


async def test_an_early_message_is_waited_for_in_place(mesh: Any, dispatcher: Any, due_record: Make, now_us: int) -> None:
    due = due_record(not_before=4)
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert outcome.sent_time.ToMicroseconds() >= due.not_before_time.ToMicroseconds()


async def test_not_tried_is_kept_and_tried_again_without_an_attempt(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].play = lambda due, call: DispatchResult(result="NOT_TRIED" if call < 3 else "ACCEPTED", reason="breaker_open")
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert (outcome.result, outcome.attempt) == (MessageOutcome.SENT, 1)


async def test_a_cut_call_leaves_its_messages_unsure(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].play = lambda due, call: None
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert (outcome.result, outcome.unsure, outcome.reason) == (MessageOutcome.RETRY, True, "no_result")


async def test_poison_is_kept_with_its_bytes_and_position_and_the_partition_goes_on(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    due = due_record()
    async with mesh.notifier():
        await mesh.produce(bootstrap.DUE_TOPIC, due.user_id, b"\xffnonsense")
        await mesh.emit([due])
        await mesh.outcomes_of(due)
        await wait_until(lambda: any(m.key() == due.user_id for m in mesh.poison_topic.read()), what="the poison")
    headers = dict(next(m for m in mesh.poison_topic.seen if m.key() == due.user_id).headers())
    assert headers["source-topic"].decode() == bootstrap.DUE_TOPIC
    assert int(headers["source-offset"]) >= 0


async def test_sigterm_finishes_what_is_in_flight_and_commits(mesh: Any, dispatcher: Any, due_record: Make) -> None:
    dues = [due_record() for _ in range(50)]
    dispatcher[0].gate.clear()
    async with mesh.notifier():
        await mesh.emit(dues)
        await wait_until(lambda: dispatcher[0].slices, timeout_seconds=60, what="a call")
        asyncio.get_running_loop().call_later(1, dispatcher[0].gate.set)
    in_flight = sum(dispatcher[0].slices)  # what came after them waits in the topic
    assert {outcome.result for outcome in await mesh.outcomes_of(*dues, least=in_flight)} == {MessageOutcome.SENT}
    async with mesh.notifier():
        await mesh.outcomes_of(*dues)
        await asyncio.sleep(2)
    assert set(dispatcher[0].calls.values()) == {1}
    assert len(mesh.outcomes(dues)) == len(dues)
