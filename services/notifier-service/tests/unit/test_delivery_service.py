"""The use cases over memory: what is asked of whom, and what comes back to the desk."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service.adapters.memory import MemoryAnnouncer, MemoryLedger, MemorySentHints, ScriptedDispatcher
from notifier_service.domain import Cancellation, Due, Reason, Result, State, Terms, Tried
from notifier_service.ports import DispatchCut, DispatchRefused
from notifier_service.service import DeliveryService, Pace
from servicekit.clock import SystemClock
from servicekit.runtime import Backoff
from servicekit.testing import wait_until

Make = Callable[..., Due]
Groups = AsyncIterator[Sequence[tuple[int, Result]]]
TERMS = Terms()


class NotingDesk:
    """A Desk that keeps what comes back."""

    def __init__(self) -> None:
        self.finished: list[Due] = []
        self.parked: list[tuple[Due, float]] = []
        self.kept: list[Due] = []

    def done(self, dues: Sequence[Due]) -> None:
        self.finished += dues

    def later(self, dues: Sequence[Due], seconds: float) -> None:
        self.parked += [(due, seconds) for due in dues]

    def held(self, dues: Sequence[Due]) -> None:
        self.kept += dues


async def accept_all(payloads: Sequence[bytes]) -> Groups:
    yield [(n, Result(Tried.ACCEPTED, provider="p", provider_message_id=f"m{n}", calls=1)) for n in range(len(payloads))]


class Stage:
    """The use cases among memory adapters."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.ledger = MemoryLedger(lambda: self.now_us, TERMS)
        self.hints = MemorySentHints()
        self.dispatcher = ScriptedDispatcher(accept_all)
        self.announcer = MemoryAnnouncer()
        self.desk = NotingDesk()
        self.service = DeliveryService(
            self.ledger,
            self.hints,
            self.dispatcher,
            self.announcer,
            self.desk,
            clock=SystemClock(),
            terms=TERMS,
            pace=Pace(slice_records=3, gather_seconds=0.001, backoff=Backoff(first=0.001, longest=0.001)),
        )

    def results(self) -> list[State]:
        return [outcome.result for outcome in self.announcer.outcomes]

    def state(self, due: Due) -> State:
        return self.ledger.entries[due.id].state


@pytest.fixture
def stage(now_us: int) -> Stage:
    return Stage(now_us)


async def test_a_batch_goes_out_in_slices_and_comes_back_done(stage: Stage, make_due: Make) -> None:
    dues = [make_due() for _ in range(7)]
    await stage.service.deliver(dues)
    assert sorted(len(payloads) for payloads, _ in stage.dispatcher.slices) == [1, 3, 3]
    assert {due.id for due in stage.desk.finished} == {due.id for due in dues}
    assert stage.results() == [State.SENT] * 7


async def test_the_payload_is_passed_on_as_it_came(stage: Stage, make_due: Make) -> None:
    due = make_due()
    await stage.service.deliver([due])
    ((payloads, _),) = stage.dispatcher.slices
    assert list(payloads) == [due.payload]
    assert MessageDue.FromString(payloads[0]).id == due.id


async def test_a_call_ends_two_seconds_before_the_lease(stage: Stage, make_due: Make) -> None:
    await stage.service.deliver([make_due()])
    ((_, timeout),) = stage.dispatcher.slices
    assert 27 < timeout <= 28


async def test_what_is_remembered_as_sent_is_told_again_without_a_claim(stage: Stage, make_due: Make, again: Make) -> None:
    due = make_due()
    await stage.service.deliver([due])
    stage.ledger.entries.clear()
    repeated = again(due, revision=4, traceparent="00-1-2-01")
    await stage.service.deliver([repeated])
    told = stage.announcer.outcomes[-1]
    assert (told.result, told.revision, told.traceparent, told.provider_message_id) == (State.SENT, 4, "00-1-2-01", "m0")
    assert len(stage.dispatcher.slices) == 1
    assert stage.desk.finished == [due, repeated]


async def test_what_recover_emitted_is_not_believed_to_be_sent(stage: Stage, make_due: Make, again: Make) -> None:
    due = make_due()
    await stage.service.deliver([due])
    stage.ledger.entries.clear()
    await stage.service.deliver([again(due, recovered=True)])
    assert len(stage.dispatcher.slices) == 2


async def test_hints_are_of_what_the_ledger_has_as_sent_only(stage: Stage, make_due: Make) -> None:
    async def refuse(payloads: Sequence[bytes]) -> Groups:
        yield [(0, Result(Tried.REFUSED))]

    stage.dispatcher.script = refuse
    await stage.service.deliver([make_due()])
    assert stage.hints.sent == {}


async def test_anothers_claim_is_parked_for_a_second(stage: Stage, make_due: Make) -> None:
    due = make_due()
    await stage.ledger.claim([due])
    await stage.service.deliver([due])
    assert stage.desk.parked == [(due, 1.0)]
    assert stage.announcer.outcomes == []


async def test_early_is_parked_until_its_time(stage: Stage, make_due: Make) -> None:
    due = make_due(not_before=90)
    await stage.service.deliver([due])
    ((parked, seconds),) = stage.desk.parked
    assert (parked, round(seconds)) == (due, 90)


async def test_older_is_done_in_silence(stage: Stage, make_due: Make, again: Make) -> None:
    due = make_due(revision=2, not_after=-1)
    await stage.service.deliver([due])
    told = len(stage.announcer.outcomes)
    await stage.service.deliver([again(due, revision=1)])
    assert len(stage.desk.finished) == 2
    assert len(stage.announcer.outcomes) == told


async def test_late_is_told_as_expired(stage: Stage, make_due: Make) -> None:
    await stage.service.deliver([make_due(not_after=-1)])
    assert stage.results() == [State.EXPIRED]
    assert stage.dispatcher.slices == []


async def test_not_tried_is_released_held_and_not_told(stage: Stage, make_due: Make) -> None:
    async def open_breaker(payloads: Sequence[bytes]) -> Groups:
        yield [(0, Result(Tried.NOT_TRIED, reason="breaker_open"))]

    stage.dispatcher.script = open_breaker
    due = make_due()
    await stage.service.deliver([due])
    assert stage.desk.kept == [due]
    assert stage.state(due) is State.RELEASED
    assert stage.announcer.outcomes == []


async def test_a_dispatcher_that_was_not_reached_has_tried_nothing(stage: Stage, make_due: Make) -> None:
    async def unreachable(payloads: Sequence[bytes]) -> Groups:
        if payloads:
            raise DispatchRefused
        yield []

    stage.dispatcher.script = unreachable
    due = make_due()
    await stage.service.deliver([due])
    assert stage.desk.kept == [due]
    assert (stage.state(due), stage.ledger.entries[due.id].unsure) == (State.RELEASED, False)


async def test_a_call_cut_in_the_middle_keeps_its_results_and_the_rest_is_unsure(stage: Stage, make_due: Make) -> None:
    async def dies(payloads: Sequence[bytes]) -> Groups:
        yield [(1, Result(Tried.ACCEPTED, calls=1))]
        raise DispatchCut

    stage.dispatcher.script = dies
    first, second = make_due(), make_due()
    await stage.service.deliver([first, second])
    assert (stage.state(first), stage.ledger.entries[first.id].unsure) == (State.RETRY, True)
    assert stage.ledger.entries[first.id].reason == Reason.CUT_OFF
    assert stage.state(second) is State.SENT


async def test_a_result_that_never_came_is_unsure(stage: Stage, make_due: Make) -> None:
    async def forgets(payloads: Sequence[bytes]) -> Groups:
        yield []

    stage.dispatcher.script = forgets
    due = make_due()
    await stage.service.deliver([due])
    assert stage.ledger.entries[due.id].reason == Reason.NO_RESULT
    assert stage.announcer.outcomes[0].unsure


async def test_a_result_that_comes_twice_or_for_nobody_counts_once(stage: Stage, make_due: Make) -> None:
    async def stutters(payloads: Sequence[bytes]) -> Groups:
        yield [(0, Result(Tried.ACCEPTED, calls=1)), (7, Result(Tried.ACCEPTED))]
        yield [(0, Result(Tried.REFUSED))]

    stage.dispatcher.script = stutters
    due = make_due()
    await stage.service.deliver([due])
    assert stage.state(due) is State.SENT
    assert stage.results() == [State.SENT]


async def test_a_lost_claim_is_looked_up_again_and_not_told(stage: Stage, make_due: Make) -> None:
    due = make_due()

    async def another_takes_over(payloads: Sequence[bytes]) -> Groups:
        stage.now_us += 31_000_000
        await stage.ledger.claim([due])
        yield [(0, Result(Tried.REFUSED))]

    stage.dispatcher.script = another_takes_over
    await stage.service.deliver([due])
    assert stage.desk.parked == [(due, 1.0)]
    assert stage.announcer.outcomes == []


async def test_sent_under_a_lost_claim_is_told_all_the_same(stage: Stage, make_due: Make) -> None:
    due = make_due()

    async def another_takes_over(payloads: Sequence[bytes]) -> Groups:
        stage.now_us += 31_000_000
        await stage.ledger.claim([due])
        yield [(0, Result(Tried.ACCEPTED, calls=1))]

    stage.dispatcher.script = another_takes_over
    await stage.service.deliver([due])
    assert stage.results() == [State.SENT]
    assert stage.desk.finished == [due]


async def test_outages_of_ledger_and_kafka_are_waited_out(stage: Stage, make_due: Make) -> None:
    stage.ledger.failures, stage.announcer.failures = 3, 2
    due = make_due()
    await stage.service.deliver([due])
    assert stage.results() == [State.SENT]
    assert len(stage.dispatcher.slices) == 1


async def test_results_are_written_while_kafka_takes_no_outcomes(stage: Stage, make_due: Make) -> None:
    stage.announcer.failures = 10**9
    dues = [make_due() for _ in range(9)]
    delivering = asyncio.create_task(stage.service.deliver(dues))
    await wait_until(lambda: [entry.state for entry in stage.ledger.entries.values()] == [State.SENT] * 9)
    assert stage.desk.finished == []
    stage.announcer.failures = 0
    await delivering
    assert len(stage.desk.finished) == 9


async def test_a_failure_is_told_after_its_dead_letter_and_both_again_if_asked(stage: Stage, make_due: Make) -> None:
    async def refuse_for_good(payloads: Sequence[bytes]) -> Groups:
        yield [(0, Result(Tried.PERMANENT, reason="http_422", detail="no mailbox"))]

    stage.dispatcher.script = refuse_for_good
    due = make_due()
    await stage.service.deliver([due])
    await stage.service.deliver([due])
    assert stage.results() == [State.FAILED] * 2
    assert [letter.detail for letter in stage.announcer.letters] == ["no mailbox"] * 2


async def test_results_that_come_together_are_written_together(stage: Stage, make_due: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    record = stage.ledger.record

    async def counting(conclusions: Sequence[Any]) -> frozenset[bytes]:
        written.append(len(conclusions))
        return await record(conclusions)

    monkeypatch.setattr(stage.ledger, "record", counting)

    async def one_by_one(payloads: Sequence[bytes]) -> Groups:
        for n in range(len(payloads)):
            yield [(n, Result(Tried.ACCEPTED, calls=1))]

    stage.dispatcher.script = one_by_one
    await stage.service.deliver([make_due() for _ in range(9)])
    assert sum(written) == 9
    assert len(written) < 9


async def test_a_cancel_is_answered(stage: Stage, make_due: Make) -> None:
    due = make_due()
    await stage.service.cancel([Cancellation(due.id, due.local_date, 3, due.user_id)])
    (outcome,) = stage.announcer.outcomes
    assert (outcome.result, outcome.revision) == (State.CANCELLED, 3)
    await stage.service.deliver([replace(due, revision=3)])
    assert stage.dispatcher.slices == []


async def test_a_cancel_while_it_is_sent_is_answered_by_the_sending(stage: Stage, make_due: Make) -> None:
    due = make_due()
    asked = Cancellation(due.id, due.local_date, 1, due.user_id)

    async def cancelled_meanwhile(payloads: Sequence[bytes]) -> Groups:
        await stage.service.cancel([asked])
        assert stage.announcer.outcomes == []
        yield [(0, Result(Tried.ACCEPTED, calls=1))]

    stage.dispatcher.script = cancelled_meanwhile
    await stage.service.deliver([due])
    assert stage.results() == [State.SENT]


async def test_a_claim_too_short_for_a_call_is_released(stage: Stage, make_due: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = stage.ledger.claim

    async def slowly(dues: Sequence[Due]) -> Any:
        await asyncio.sleep(0.05)
        return await claim(dues)

    monkeypatch.setattr(stage.ledger, "claim", slowly)
    monkeypatch.setattr("notifier_service.service.SHORTEST_CALL_SECONDS", 28)
    due = make_due()
    await stage.service.deliver([due])
    assert stage.dispatcher.slices == []
    assert stage.desk.kept == [due]
