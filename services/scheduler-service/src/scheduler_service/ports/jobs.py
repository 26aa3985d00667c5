"""What the scheduled jobs ask of the outside, and what is asked of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from scheduler_service.domain import JobRun, JobStatus


class Ticks(Protocol):
    """Runs of jobs, each under a lease. `now` is the database's clock."""

    async def now(self) -> datetime: ...

    async def acquire(self, job: str, tick_at: datetime, holder: str, lease: timedelta, *, manual: bool = False) -> bool:
        """Begin the run of a tick, or take over one whose lease is over and that has not finished.

        False where the tick is done, or another run of the job is alive. At most one holder of a job succeeds at a time.
        """

    async def renew(self, job: str, tick_at: datetime, holder: str, lease: timedelta) -> bool:
        """Prolong the lease; False where another holder has taken the run over."""

    async def finish(self, job: str, tick_at: datetime, holder: str, counts: Mapping[str, int], error: str = "") -> None:
        """Write how the run ended. Does nothing where another holder has taken it over."""

    async def last_tick(self, job: str) -> datetime | None:
        """The latest tick of the schedule that has succeeded or is under a live lease."""

    async def last_success(self, job: str) -> datetime | None:
        """When the latest run began that has succeeded."""

    async def last_runs(self, jobs: Collection[str]) -> Mapping[str, JobRun]:
        """The run of each job that began last."""

    async def forget(self, older_than: timedelta) -> int:
        """Delete finished runs older than an age, the last of each job apart."""


class JobRunner(Protocol):
    """The scheduled jobs."""

    async def list(self) -> Sequence[JobStatus]: ...

    async def get(self, job: str) -> JobStatus:
        """Raises NotFound."""

    async def run(self, job: str) -> JobStatus:
        """Run now and return when the run has ended. Raises NotFound; Aborted while the job runs elsewhere."""
