"""*recover*: what an outage or a crash left behind is found and taken up again."""

from collections.abc import AsyncIterator, Awaitable, Callable
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


@dataclass(slots=True)
class _Found:
    """What a run has seen and done so far."""

    expired: int = 0
    overdue: int = 0
    planned: int = 0
    #: Of what was overdue, or has just been planned.
    expired_late: int = 0
    emitted_again: int = 0
    asked_again: int = 0
    #: Overdue in the end. None: nobody could look.
    waiting: int | None = None

    def counts(self) -> dict[str, int]:
        late = max(self.overdue + self.planned, self.expired_late)
        # What has become overdue meanwhile is for the next run; where nobody could look, all may still wait.
        still = late - self.expired_late if self.waiting is None else min(self.waiting, late - self.expired_late)
        missed, failed = self.expired + late + self.emitted_again, self.expired + self.expired_late + still
        return {
            "missed": missed,
            "recovered": missed - failed,
            "failed": failed,
            "planned": self.planned,
            "overdue": self.overdue,
            "emitted_again": self.emitted_again,
            "expired": self.expired + self.expired_late,
            "asked_again": self.asked_again,
        }


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

        That has expired, or still waits when the run ends; the next takes up the latter only. Raises Unfinished, with the same of what
        was done until then, where Kafka or Postgres is away.
        """
        found = _Found()
        try:
            await self._recover(found)
        except Unavailable as away:
            raise Unfinished(found.counts(), away) from away
        return found.counts()

    async def _recover(self, found: _Found) -> None:
        async for count in self._expire():
            found.expired += count
        found.overdue = await self._overdue()
        found.planned = await self._plan_missed()
        if found.planned:
            async for count in self._expire():
                found.expired_late += count
        async for count in self._all(lambda recovery: recovery.ask_again(self._patience.answer, self._batch)):
            found.asked_again += count
        try:
            await self._emit(found)
        except Unavailable:  # Kafka may be away, and Postgres there.
            found.waiting = await self._overdue()
            raise
        found.waiting = await self._overdue()

    async def _emit(self, found: _Found) -> None:
        if found.overdue or found.planned:
            await self._emitter.emit()
        async for count in self._emitter.emit_lost(self._backlog, self._patience.outcome):
            found.emitted_again += count

    def _expire(self) -> AsyncIterator[int]:
        return self._all(lambda recovery: recovery.expire(self._batch))

    async def _overdue(self) -> int:
        async with self._unit() as recovery:
            return await recovery.overdue(self._patience.emit)

    async def _all(self, step: Callable[[Recovery], Awaitable[int]]) -> AsyncIterator[int]:
        count = self._batch
        while count == self._batch:
            async with self._unit() as recovery:
                count = await step(recovery)
            yield count
