from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from scheduler_service.adapters.memory.tables import MemoryStore, Tick
from scheduler_service.domain import JobRun, RunResult


class MemoryTicks(MemoryStore):
    """The Ticks port."""

    async def acquire(self, job: str, tick_at: datetime, holder: str, lease: timedelta, *, manual: bool = False) -> bool:
        async with self.tables.transaction():
            now = self.clock()
            there = self.tables.ticks.get((job, tick_at))
            if self._is_alive(job) or (there and there.run.finished_at and there.run.result is not RunResult.FAILED):
                return False
            run = JobRun(
                tick_at, now, None, RunResult.RUNNING, there.run.counts if there else {}, "", there.run.manual if there else manual
            )
            self.tables.ticks[job, tick_at] = Tick(job, holder, now + lease, run)
            return True

    async def renew(self, job: str, tick_at: datetime, holder: str, lease: timedelta) -> bool:
        async with self.tables.transaction():
            tick = self._mine(job, tick_at, holder)
            if tick:
                self.tables.ticks[job, tick_at] = replace(tick, lease_until_at=self.clock() + lease)
            return tick is not None

    async def finish(self, job: str, tick_at: datetime, holder: str, counts: Mapping[str, int], error: str = "") -> None:
        async with self.tables.transaction():
            if tick := self._mine(job, tick_at, holder):
                result = RunResult.FAILED if error else RunResult.SUCCEEDED
                run = replace(tick.run, finished_at=self.clock(), result=result, counts=dict(counts), error=error)
                self.tables.ticks[job, tick_at] = replace(tick, run=run)

    async def last_tick(self, job: str) -> datetime | None:
        counted = (t.run.tick_at for t in self._of(job) if t.run.result is RunResult.SUCCEEDED or self._is_live(t))
        return max(counted, default=None)

    async def last_success(self, job: str) -> datetime | None:
        succeeded = [tick.run for tick in self._of(job) if tick.run.result is RunResult.SUCCEEDED]
        return max(succeeded, key=lambda run: run.tick_at).started_at if succeeded else None

    async def last_runs(self, jobs: Collection[str]) -> dict[str, JobRun]:
        began = {job: sorted((tick.run for tick in self._of(job)), key=lambda run: run.started_at) for job in jobs}
        return {job: runs[-1] for job, runs in began.items() if runs}

    async def forget(self, older_than: timedelta) -> int:
        async with self.tables.transaction():
            old = [tick for tick in self.tables.ticks.values() if tick.run.started_at < self.clock() - older_than]
            gone = [tick for tick in old if any(_succeeded_later(other, tick) for other in self._of(tick.job))]
            for tick in gone:
                del self.tables.ticks[tick.job, tick.run.tick_at]
            return len(gone)

    def _of(self, job: str) -> list[Tick]:
        return self.tables.ticks.where("job", job)

    def _mine(self, job: str, tick_at: datetime, holder: str) -> Tick | None:
        tick = self.tables.ticks.get((job, tick_at))
        return tick if tick and tick.holder == holder and not tick.run.finished_at else None

    def _is_live(self, tick: Tick) -> bool:
        return tick.run.finished_at is None and tick.lease_until_at > self.clock()

    def _is_alive(self, job: str) -> bool:
        return any(self._is_live(tick) for tick in self._of(job))


def _succeeded_later(other: Tick, tick: Tick) -> bool:
    return other.run.tick_at > tick.run.tick_at and other.run.result is RunResult.SUCCEEDED
