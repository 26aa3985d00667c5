"""Scheduled work: each tick of a job's cron is run once, whatever the number of replicas; a tick missed while down is made up."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from cronsim import CronSim

from scheduler_service import metrics
from scheduler_service.domain import JobRun, JobStatus, Unfinished
from scheduler_service.emission import Emitter
from scheduler_service.ports import Ticks
from servicekit.clock import monotonic
from servicekit.errors import Aborted, DomainError, NotFound, Unavailable
from servicekit.loops import pause

log = structlog.get_logger()

#: Longest sleep before the clock is read again: it bounds what a jump of the clock can cost.
LONGEST_SLEEP = timedelta(seconds=60)
#: Longest sleep of the watch for due messages: what another replica planned before it died is late by no more than this.
LONGEST_WATCH = timedelta(seconds=5)
#: After this the loop looks whether a run that was alive elsewhere has ended well.
LOOK_AGAIN = timedelta(seconds=5)
#: Longer than this no run is remembered, the last of each job apart.
RUNS_KEPT = timedelta(days=30)
#: Of a text that a caller wrote, or that is kept of an error: no more than this is repeated.
LONGEST_ECHO = 100
LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Job:
    """Work with a schedule (cron, UTC). `run` returns what it counted, or raises Unfinished with it, and is safe to repeat."""

    id: str
    schedule: str
    run: Callable[[], Awaitable[Mapping[str, int]]]

    def tick_before(self, now: datetime) -> datetime:
        """The latest tick that is not after `now`."""
        return next(CronSim(self.schedule, now + timedelta(microseconds=1), reverse=True))

    def tick_after(self, now: datetime) -> datetime:
        return next(CronSim(self.schedule, now))


class JobAlreadyRunning(Aborted):
    """The job is running just now: ask for its status, and again when it has ended."""


class UnknownJob(NotFound):
    """There is no such job."""


class LeaseLost(Unavailable):
    """The run was stopped, for its lease could not be kept: it is made up by whoever has the next."""


class JobRunner:
    """Runs jobs under leases, by their ticks or by hand, and tells how they went."""

    def __init__(self, jobs: Sequence[Job], ticks: Ticks, holder: str, lease: timedelta, enabled: frozenset[str]) -> None:
        self._jobs = {job.id: job for job in jobs}
        self._ticks = ticks
        self._holder = holder
        self._lease = lease
        self._enabled = enabled

    @property
    def scheduled(self) -> list[Job]:
        """The jobs that run by their schedule."""
        return [job for job in self._jobs.values() if job.id in self._enabled]

    async def list(self) -> list[JobStatus]:
        now, runs = await self._ticks.now(), await self._ticks.last_runs(list(self._jobs))
        return [self._status(job, now, runs.get(job_id)) for job_id, job in sorted(self._jobs.items())]

    async def get(self, job_id: str) -> JobStatus:
        """Raises UnknownJob."""
        self._job(job_id)
        return next(status for status in await self.list() if status.id == job_id)

    async def run(self, job_id: str) -> JobStatus:
        """Run a job now, also one that is switched off. Raises UnknownJob, JobAlreadyRunning, and what the run raises."""
        job = self._job(job_id)
        if not await self.run_tick(job, await self._ticks.now(), manual=True):
            raise JobAlreadyRunning
        return await self.get(job_id)

    async def run_due(self, job: Job, now: datetime) -> bool:
        """Run the latest tick unless it is done; False while another replica is at it."""
        tick = job.tick_before(now)
        last = await self._ticks.last_tick(job.id)
        return (last is not None and last >= tick) or await self.run_tick(job, tick)

    async def run_tick(self, job: Job, tick: datetime, *, manual: bool = False) -> bool:
        """Run one tick under its lease; False where it is not to be had. Raises what the run raises, after noting it."""
        if not await self._ticks.acquire(job.id, tick, self._holder, self._lease, manual=manual):
            return False
        with metrics.job_run(job.id):
            await self._run_leased(job, tick)
        return True

    async def _run_leased(self, job: Job, tick: datetime) -> None:
        try:
            counts = await self._work(job, tick)
        except BaseException as error:
            # Where it cannot be noted the lease runs out. What ended the run prevails: a cancel is not to become a failure to repeat.
            with suppress(Unavailable):
                done = error.counts if isinstance(error, Unfinished) else {}
                await self._ticks.finish(job.id, tick, self._holder, done, _told(error))
            raise
        await self._ticks.finish(job.id, tick, self._holder, counts)
        log.info("job.finished", job=job.id, tick=tick.isoformat(), **counts)

    async def _work(self, job: Job, tick: datetime) -> Mapping[str, int]:
        work = asyncio.ensure_future(job.run())
        keeper = asyncio.create_task(self._keep_lease(job, tick))
        keeper.add_done_callback(lambda _: work.cancel())
        try:
            return await work
        except asyncio.CancelledError:
            if keeper.done():  # it was not our caller who cancelled
                raise LeaseLost from None
            raise
        finally:
            keeper.cancel()

    async def _keep_lease(self, job: Job, tick: datetime) -> None:
        """Return when the lease is lost: another replica has the run, or may have it soon. This one must not go on beside it."""
        lease = self._lease.total_seconds()
        until = monotonic() + lease
        while True:
            await asyncio.sleep(min(lease / 3, until - monotonic()))
            asked = monotonic()
            if asked >= until:
                return
            try:
                async with asyncio.timeout(until - asked):
                    if not await self._ticks.renew(job.id, tick, self._holder, self._lease):
                        return
                until = asked + lease
            except Exception:
                log.exception("job.lease_not_renewed", job=job.id, tick=tick.isoformat(), seconds_left=round(until - asked, 3))

    def _status(self, job: Job, now: datetime, last_run: JobRun | None) -> JobStatus:
        enabled = job.id in self._enabled
        return JobStatus(job.id, enabled, job.schedule, job.tick_after(now) if enabled else None, last_run)

    def _job(self, job_id: str) -> Job:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise UnknownJob(f'There is no job "{job_id[:LONGEST_ECHO]}"; the jobs are {", ".join(sorted(self._jobs))}.') from None


def _told(error: BaseException) -> str:
    """What may be shown of an error: the message of others than ours can quote statements and data, which stay in the logs."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, asyncio.CancelledError):
        return "The run was cancelled before its end."
    text = error.message if isinstance(error, DomainError) else f"{type(error).__name__}: see the logs"
    return text[:LONGEST_ERROR]


def forgetful(run: Callable[[], Awaitable[Mapping[str, int]]], ticks: Ticks) -> Callable[[], Awaitable[Mapping[str, int]]]:
    """`run`, and then old runs of all jobs are forgotten: *emit* alone leaves half a million a year."""

    async def run_and_forget() -> Mapping[str, int]:
        counts = await run()
        await ticks.forget(RUNS_KEPT)
        return counts

    return run_and_forget


async def follow_schedule(job: Job, runner: JobRunner, ticks: Ticks, stop: asyncio.Event) -> None:
    """Run a job's ticks until `stop`: the body of one supervised loop per job. The first look makes up a tick that was missed."""
    while not stop.is_set():
        now = await ticks.now()
        settled = await runner.run_due(job, now)
        now = await ticks.now()
        wait = min(job.tick_after(now) - now, LONGEST_SLEEP if settled else LOOK_AGAIN)
        await pause(wait.total_seconds(), stop)


class DueWatch:
    """Emits whenever the earliest waiting message comes due, between the ticks of *emit*; woken when something may be due sooner."""

    def __init__(self, emitter: Emitter, ticks: Ticks) -> None:
        self._emitter = emitter
        self._ticks = ticks
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look now: something was planned, moved, or put back."""
        self._wake.set()

    async def follow(self, stop: asyncio.Event) -> None:
        """Emit until `stop`: the body of a supervised loop."""
        while not stop.is_set():
            self._wake.clear()
            metrics.EMITTED.inc(await self._emitter.emit())
            await self._wait(stop)

    async def _wait(self, stop: asyncio.Event) -> None:
        now = await self._ticks.now()
        due = await self._emitter.next_due(int(now.timestamp() * 1_000_000))
        ahead = due / 1_000_000 - now.timestamp() if due is not None else math.inf
        await pause(min(max(ahead, 0), LONGEST_WATCH.total_seconds()), stop, self._wake)
