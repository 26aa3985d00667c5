"""*recover*: what an outage or a crash left behind is found and taken up again."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from scheduler_service.domain import Unfinished
from scheduler_service.emission import Emitter
from scheduler_service.ports import Backlog, Recovery
from servicekit.errors import Unavailable

RecoveryUnit = Callable[[], AbstractAsyncContextManager[Recovery]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long *recover* waits before it takes something for lost."""

    #: For the outcome of a queued message.
    outcome: timedelta
    #: For the answer to a question.
    answer: timedelta
    #: For *emit* to take up a due message.
    emit: timedelta


class Recoverer:
    """Plans what was missed, ends what is past its budget, emits again what has no outcome, and repeats unanswered questions.

    Each step takes up only what is still open, so a second run does nothing for what the first one has mended.
    """

    def __init__(
        self,
        unit: RecoveryUnit,
        emitter: Emitter,
        backlog: Backlog,
        plan_missed: Callable[[], Awaitable[int]],
        patience: Patience,
        batch: int,
    ) -> None:
        self._unit = unit
        self._emitter = emitter
        self._backlog = backlog
        self._plan_missed = plan_missed
        self._patience = patience
        self._batch = batch

    async def recover(self) -> dict[str, int]:
        """Return what was missed (not planned, not emitted, or without outcome in time), recovered, and failed: all the rest of it.

        That has expired, or still waits when the run ends; the next takes up the latter only. Raises Unfinished while Kafka is away.
        """
        expired = await self._expire()
        overdue = await self._overdue()
        planned = await self._plan_missed()
        expired_late = await self._expire() if planned else 0
        lost, away = await self._emit(bool(overdue or planned))
        asked = await self._all(lambda recovery: recovery.ask_again(self._patience.answer, self._batch))
        # What has become overdue meanwhile is for the next run.
        still = min(await self._overdue(), overdue + planned - expired_late)
        missed, failed = expired + overdue + planned + lost, expired + expired_late + still
        counts = {
            "missed": missed,
            "recovered": missed - failed,
            "failed": failed,
            "planned": planned,
            "overdue": overdue,
            "emitted_again": lost,
            "expired": expired + expired_late,
            "asked_again": asked,
        }
        if away:
            raise Unfinished(counts, away) from away
        return counts

    async def _emit(self, overdue: bool) -> tuple[int, Unavailable | None]:
        """Emit what is due, and again what is lost; return how many the latter were, and what stood in the way."""
        try:
            if overdue:
                await self._emitter.emit()
            return await self._emitter.emit_lost(self._backlog, self._patience.outcome), None
        except Unavailable as away:
            return 0, away

    async def _expire(self) -> int:
        return await self._all(lambda recovery: recovery.expire(self._batch))

    async def _overdue(self) -> int:
        async with self._unit() as recovery:
            return await recovery.overdue(self._patience.emit)

    async def _all(self, step: Callable[[Recovery], Awaitable[int]]) -> int:
        total = 0
        while True:
            async with self._unit() as recovery:
                count = await step(recovery)
            total += count
            if count < self._batch:
                return total
