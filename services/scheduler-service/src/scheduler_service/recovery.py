"""*recover*: what an outage or a crash left behind is found and taken up again."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from scheduler_service.emission import Emitter
from scheduler_service.ports import Backlog, Recovery

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
        """Return what was missed (not planned, not emitted, or without outcome in time), recovered, and failed."""
        planned = await self._plan_missed()
        overdue = await self._overdue()
        expired = await self._all(lambda recovery: recovery.expire(self._batch))
        emitted = await self._emitter.emit() if overdue or planned else 0
        lost = await self._emitter.emit_lost(self._backlog, self._patience.outcome)
        asked = await self._all(lambda recovery: recovery.ask_again(self._patience.answer, self._batch))
        still = await self._overdue()
        return {
            "missed": planned + overdue + lost,
            "recovered": planned + max(overdue - still - expired, 0) + lost,
            "failed": expired + still,
            "planned": planned,
            "overdue": overdue,
            "emitted": emitted,
            "emitted_again": lost,
            "expired": expired,
            "asked_again": asked,
        }

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
