"""Sending due messages once, and answering cancels."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import structlog

from notifier_service import metrics
from notifier_service.domain import (
    Cancellation,
    Conclusion,
    DeadLetter,
    Due,
    Entry,
    Judgement,
    Outcome,
    Reason,
    Result,
    State,
    Terms,
    Tried,
    Verdict,
    conclude,
)
from notifier_service.ports import Announcer, Claims, Desk, DispatchCut, Dispatcher, DispatchRefused, Ledger, SentHints
from servicekit import failpoint
from servicekit.clock import Clock
from servicekit.errors import Unavailable
from servicekit.loops import Backoff, insist

_log = structlog.get_logger()
T = TypeVar("T")

LOOK_AGAIN_SECONDS = 1.0
# Between the end of a call and the end of its lease: time to write what it said.
LEASE_MARGIN_SECONDS = 2.0
SHORTEST_CALL_SECONDS = 1.0
REPEAT_BACKOFF = Backoff(first=0.2, longest=5.0)


class Flight(NamedTuple):
    """A claim of ours on its way. `shift_us` turns this process's monotonic clock into the ledger's."""

    due: Due
    entry: Entry
    shift_us: float


@dataclass(frozen=True, slots=True)
class Pace:
    """`gather_seconds`: results that come within it are written together, so that SQL grows with time and not with messages."""

    slice_records: int = 500
    gather_seconds: float = 0.03
    backoff: Backoff = REPEAT_BACKOFF


class DeliveryService:
    """Looks, claims, dispatches, records and tells: a batch of records at a time, results in groups as they come."""

    def __init__(
        self,
        ledger: Ledger,
        hints: SentHints,
        dispatcher: Dispatcher,
        announcer: Announcer,
        desk: Desk,
        *,
        clock: Clock,
        terms: Terms,
        pace: Pace = Pace(),
    ) -> None:
        self._ledger = ledger
        self._hints = hints
        self._dispatcher = dispatcher
        self._announcer = announcer
        self._desk = desk
        self._clock = clock
        self._terms = terms
        self._pace = pace
        self._results: list[tuple[Flight, Result]] = []
        self._settling = asyncio.Lock()

    async def deliver(self, dues: Sequence[Due]) -> None:
        """Give each record (at most one per id) what it needs and back to the desk. Waits out failures of ledger and Kafka."""
        unknown = await self._answer_known(dues) if dues else []
        if not unknown:
            return
        began = self._clock.monotonic()
        claims = await self._insist(lambda: self._ledger.claim(unknown))
        await failpoint.reach("notifier.after_claim")
        flights = await self._sort(unknown, claims, began)
        deadline = began + self._terms.lease_us / 1e6 - LEASE_MARGIN_SECONDS
        size = self._pace.slice_records
        async with asyncio.TaskGroup() as slices:
            for start in range(0, len(flights), size):
                slices.create_task(self._send(flights[start : start + size], deadline))

    async def cancel(self, cancellations: Sequence[Cancellation]) -> None:
        """Raise the tombs of these (at most one per id) and tell the answers."""
        if not cancellations:
            return
        answers = await self._insist(lambda: self._ledger.cancel(cancellations))
        metrics.CANCELS_ANSWERED.inc(len(answers))
        metrics.CANCELS_SILENT.inc(len(cancellations) - len(answers))
        await self._insist(lambda: self._announcer.announce(answers))

    def cut(self) -> None:
        """Break off all calls under way: their messages without a result become unsure, which is written and told as ever."""
        self._dispatcher.cut()

    async def _answer_known(self, dues: Sequence[Due]) -> list[Due]:
        """Tell again what is remembered as sent; return the rest. What `recover` emitted is not asked for: somebody doubts it."""
        known = await self._hints.look([due.id for due in dues if not due.recovered])
        if not known:
            return list(dues)
        hits = [due for due in dues if not due.recovered and due.id in known]
        metrics.HINT_HITS.inc(len(hits))
        await self._tell([known[due.id]._replace(revision=due.revision, traceparent=due.traceparent) for due in hits])
        self._desk.done(hits)
        return [due for due in dues if due.recovered or due.id not in known]

    async def _sort(self, dues: Sequence[Due], claims: Claims, began: float) -> list[Flight]:
        """Hand back or answer what is not ours to send; return our claims."""
        shift_us = claims.now_us - began * 1e6
        piles: dict[Verdict, list[tuple[Due, Judgement]]] = {verdict: [] for verdict in Verdict}
        for due, judgement in zip(dues, claims.judgements, strict=True):
            piles[judgement.verdict].append((due, judgement))
        for verdict, pile in piles.items():
            metrics.VERDICTS[verdict].inc(len(pile))
        self._desk.done([due for due, _ in piles[Verdict.DROP]])
        self._desk.later([due for due, _ in piles[Verdict.WAIT]], LOOK_AGAIN_SECONDS)
        for due, _ in piles[Verdict.EARLY]:
            self._desk.later([due], (due.not_before_us - claims.now_us) / 1e6)
        await self._answer(piles[Verdict.ANSWER])
        return [Flight(due, judgement.entry, shift_us) for due, judgement in piles[Verdict.SEND] if judgement.entry]

    async def _answer(self, judged: Sequence[tuple[Due, Judgement]]) -> None:
        outcomes = [judgement.outcome for _, judgement in judged if judgement.outcome]
        if not outcomes:
            return
        failed = [outcome.id for outcome in outcomes if outcome.result is State.FAILED]
        letters = await self._insist(lambda: self._ledger.dead_letters(failed)) if failed else []
        await self._tell(outcomes, letters)
        self._desk.done([due for due, _ in judged])

    async def _send(self, flights: Sequence[Flight], deadline: float) -> None:
        """One call of the dispatcher. Results are written beside it, so that a slow ledger does not make the call run out."""
        waiting = dict(enumerate(flights))
        async with asyncio.TaskGroup() as settling:
            missing = await self._call(waiting, deadline, settling)
            if waiting:
                _log.warning("dispatch.without_result", messages=len(waiting), reason=missing.reason)
                settling.create_task(self._settle([(flight, missing) for flight in waiting.values()]))

    async def _call(self, waiting: dict[int, Flight], deadline: float, settling: asyncio.TaskGroup) -> Result:
        """Take flights out of `waiting` as their results come; return what the results of those left are taken to be."""
        timeout = deadline - self._clock.monotonic()
        if timeout < SHORTEST_CALL_SECONDS:
            return Result(Tried.NOT_TRIED, reason=Reason.LEASE_SHORT)
        try:
            async for group in self._dispatcher.dispatch([flight.due.payload for flight in waiting.values()], timeout):
                results = [(waiting.pop(position), result) for position, result in group if position in waiting]
                settling.create_task(self._settle(results))
        except DispatchRefused:
            return Result(Tried.NOT_TRIED, reason=Reason.UNREACHED)
        except DispatchCut:
            return Result(Tried.UNSURE, reason=Reason.CUT_OFF)
        return Result(Tried.UNSURE, reason=Reason.NO_RESULT)

    async def _settle(self, results: Sequence[tuple[Flight, Result]]) -> None:
        """Write results and tell them. One writes at a time: what comes meanwhile is written together by whoever is next."""
        self._results.extend(results)
        async with self._settling:
            await asyncio.sleep(self._pace.gather_seconds if self._results else 0)
            taken, self._results = self._results, []
            if not taken:
                return
            await failpoint.reach("notifier.after_results")
            conclusions = [self._conclude(flight, result) for flight, result in taken]
            written = await self._insist(lambda: self._ledger.record(conclusions))
        await failpoint.reach("notifier.after_record")
        told = [c for c in conclusions if c.due.id in written and c.entry.state is not State.RELEASED]
        await self._tell([c.outcome() for c in told], [c.dead_letter for c in told if c.dead_letter])
        await failpoint.reach("notifier.after_outcome")
        self._hand_back(conclusions, written)

    def _conclude(self, flight: Flight, result: Result) -> Conclusion:
        now_us = int(self._clock.monotonic() * 1e6 + flight.shift_us)
        metrics.RESULTS[result.tried].inc()
        return conclude(flight.entry, flight.due, result, now_us, self._terms, random.random())

    async def _tell(self, outcomes: Sequence[Outcome], letters: Sequence[DeadLetter] = ()) -> None:
        await self._insist(lambda: self._announcer.announce(outcomes, letters))
        for outcome in outcomes:
            metrics.OUTCOMES[outcome.result].inc()
        await self._hints.remember([outcome for outcome in outcomes if outcome.result is State.SENT])

    def _hand_back(self, conclusions: Sequence[Conclusion], written: frozenset[bytes]) -> None:
        released = [c.due for c in conclusions if c.due.id in written and c.entry.state is State.RELEASED]
        self._desk.done([c.due for c in conclusions if c.due.id in written and c.entry.state is not State.RELEASED])
        self._desk.held(released)
        self._desk.later([c.due for c in conclusions if c.due.id not in written], LOOK_AGAIN_SECONDS)

    async def _insist(self, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat a step until the world takes part again. The offsets stand still meanwhile: nothing is lost if we are ended first."""
        return await insist(step, backoff=self._pace.backoff, failed=_repeats)


def _repeats(error: Unavailable, failures: int) -> None:
    _log.warning("step.unavailable", failures=failures, error=str(error))
    metrics.STEPS_REPEATED.inc()
