import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from scheduler_service.adapters.memory.ticks import MemoryTicks
from scheduler_service.domain import JobRun, RunResult
from scheduler_service.jobs import RUNS_KEPT, Job, JobAlreadyRunning, JobRunner, LeaseLost, UnknownJob, follow_schedule, forgetful
from servicekit.errors import Unavailable

START = datetime(2026, 3, 14, 9, 0, 30, tzinfo=UTC)
LEASE = timedelta(seconds=30)


class Ticks(MemoryTicks):
    """At a time of their own."""

    def __init__(self) -> None:
        self.at = START
        super().__init__(lambda: self.at)

    @property
    def runs(self) -> dict[tuple[str, datetime], JobRun]:
        return {(tick.job, tick.run.tick_at): tick.run for tick in self.tables.ticks.values()}


def counting(schedule: str = "* * * * *", fails: int = 0) -> tuple[Job, list[int]]:
    calls: list[int] = []

    async def run() -> Mapping[str, int]:
        calls.append(len(calls))
        if len(calls) <= fails:
            raise RuntimeError("the database is away")
        return {"planned": 7}

    return Job("plan", schedule, run), calls


def runner(job: Job, ticks: Ticks, holder: str = "a", enabled: frozenset[str] = frozenset({"plan"})) -> JobRunner:
    return JobRunner([job], ticks, holder, LEASE, enabled)


async def test_the_latest_tick_is_run_once_by_any_number_of_replicas() -> None:
    job, calls = counting()
    ticks = Ticks()
    await asyncio.gather(*(runner(job, ticks, str(n)).run_due(job, START) for n in range(8)))
    assert len(calls) == 1
    assert list(ticks.runs) == [("plan", datetime(2026, 3, 14, 9, 0, tzinfo=UTC))]


async def test_ticks_missed_while_down_are_made_up_by_one_run() -> None:
    job, calls = counting("0 0 * * *")
    ticks = Ticks()
    await runner(job, ticks).run_due(job, START - timedelta(days=5))
    await runner(job, ticks).run_due(job, START)
    await runner(job, ticks).run_due(job, START)
    assert len(calls) == 2
    assert max(tick for _, tick in ticks.runs) == datetime(2026, 3, 14, tzinfo=UTC)


async def test_a_failed_tick_is_noted_and_run_again() -> None:
    job, calls = counting(fails=1)
    ticks = Ticks()
    with pytest.raises(RuntimeError, match="away"):
        await runner(job, ticks).run_due(job, START)
    [failed] = ticks.runs.values()
    assert (failed.result, failed.error) == (RunResult.FAILED, "RuntimeError: see the logs")
    assert await runner(job, ticks).run_due(job, START)
    assert len(calls) == 2


async def test_a_run_whose_holder_died_is_taken_over_when_its_lease_is_over() -> None:
    job, calls = counting()
    ticks = Ticks()
    await ticks.acquire("plan", job.tick_before(START), "dead", LEASE)
    assert await runner(job, ticks).run_due(job, START)  # alive elsewhere: nothing to do
    assert calls == []
    ticks.at += LEASE
    assert await runner(job, ticks).run_due(job, START)
    assert len(calls) == 1


async def test_by_hand_a_job_runs_also_when_it_is_switched_off() -> None:
    job, _ = counting()
    ticks = Ticks()
    status = await runner(job, ticks, enabled=frozenset()).run("plan")
    assert status.last_run is not None
    assert (status.last_run.counts, status.last_run.manual, status.enabled, status.next_run_at) == ({"planned": 7}, True, False, None)


async def test_by_hand_beside_a_live_run_is_refused() -> None:
    job, _ = counting()
    ticks = Ticks()
    await ticks.acquire("plan", START, "other", LEASE)
    with pytest.raises(JobAlreadyRunning, match="running just now"):
        await runner(job, ticks).run("plan")


async def test_an_unknown_job_is_told_the_known_ones() -> None:
    job, _ = counting()
    with pytest.raises(UnknownJob, match='no job "plam"; the jobs are plan'):
        await runner(job, Ticks()).run("plam")


async def test_of_an_overlong_id_only_the_beginning_is_repeated() -> None:
    job, _ = counting()
    with pytest.raises(UnknownJob) as refused:
        await runner(job, Ticks()).run("x" * 5000)
    assert f'"{"x" * 100}"' in str(refused.value)


async def test_the_status_tells_the_next_run() -> None:
    job, _ = counting("*/10 * * * *")
    status = await runner(job, Ticks()).get("plan")
    assert status.next_run_at == datetime(2026, 3, 14, 9, 10, tzinfo=UTC)
    assert status.last_run is None


async def test_a_run_that_loses_its_lease_is_stopped() -> None:
    started = asyncio.Event()

    async def run() -> Mapping[str, int]:
        started.set()
        await asyncio.sleep(30)
        return {}

    job = Job("plan", "* * * * *", run)
    ticks = Ticks()
    doomed = asyncio.create_task(JobRunner([job], ticks, "a", timedelta(seconds=0.03), frozenset()).run_tick(job, START))
    await started.wait()
    ticks.at += timedelta(seconds=1)
    assert await ticks.acquire("plan", START, "b", LEASE)
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(doomed, 5)


class UnsteadyTicks(Ticks):
    """Answers the first renewals, or all, with an error."""

    def __init__(self, failures: float) -> None:
        super().__init__()
        self.failures = failures
        self.asked = 0

    async def renew(self, job: str, tick_at: datetime, holder: str, lease: timedelta) -> bool:
        self.asked += 1
        if self.asked <= self.failures:
            raise Unavailable
        return await super().renew(job, tick_at, holder, lease)


def lasting(seconds: float) -> Job:
    async def run() -> Mapping[str, int]:
        await asyncio.sleep(seconds)
        return {"planned": 7}

    return Job("plan", "* * * * *", run)


async def test_a_renewal_that_fails_is_tried_again_within_the_lease() -> None:
    ticks = UnsteadyTicks(failures=1)
    job = lasting(0.9)
    with capture_logs() as logged:
        assert await JobRunner([job], ticks, "a", timedelta(seconds=0.6), frozenset()).run_tick(job, START)
    assert logged[0]["event"] == "job.lease_not_renewed"
    assert ticks.asked >= 3
    assert ticks.runs["plan", START].result is RunResult.SUCCEEDED


async def test_a_run_whose_lease_cannot_be_renewed_is_stopped_when_it_is_over() -> None:
    ticks, job = UnsteadyTicks(failures=float("inf")), lasting(30)
    runs = JobRunner([job], ticks, "a", timedelta(seconds=0.3), frozenset())
    with capture_logs(), pytest.raises(LeaseLost):
        await asyncio.wait_for(runs.run_tick(job, START), 5)
    assert ticks.asked >= 2
    assert "its lease could not be kept" in ticks.runs["plan", START].error


async def test_a_run_that_is_cancelled_while_the_store_is_away_is_cancelled_all_the_same() -> None:
    class Away(Ticks):
        async def finish(self, job: str, tick_at: datetime, holder: str, counts: Mapping[str, int], error: str = "") -> None:
            raise Unavailable

    ticks, job = Away(), lasting(30)
    running = asyncio.create_task(runner(job, ticks).run_tick(job, START))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_run_that_its_caller_cancels_is_cancelled() -> None:
    ticks, job = Ticks(), lasting(30)
    running = asyncio.create_task(runner(job, ticks).run_tick(job, START))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ticks.runs["plan", START].error == "The run was cancelled before its end."


class UndefinedColumn(Exception):
    """As psycopg's: its text quotes the statement."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UndefinedColumn("column m.nope does not exist LINE 1: SELECT m.nope FROM messages"), "UndefinedColumn: see the logs"),
        (ExceptionGroup("x", [ExceptionGroup("y", [UndefinedColumn("SELECT")])]), "UndefinedColumn: see the logs"),
        (Unavailable("The user service does not answer."), "The user service does not answer."),
        (ExceptionGroup("x", [Unavailable("The user service does not answer.")]), "The user service does not answer."),
    ],
)
async def test_of_an_error_nothing_is_kept_that_may_quote_a_statement(error: Exception, told: str) -> None:
    async def run() -> Mapping[str, int]:
        raise error

    ticks, job = Ticks(), Job("plan", "* * * * *", run)
    with pytest.raises(type(error)):
        await runner(job, ticks).run_tick(job, START)
    assert ticks.runs["plan", START].error == told


async def test_following_the_schedule_runs_the_missed_tick_at_once_and_stops_when_told() -> None:
    ran, stop = asyncio.Event(), asyncio.Event()
    calls: list[int] = []

    async def run() -> Mapping[str, int]:
        calls.append(1)
        ran.set()
        return {}

    job, ticks = Job("plan", "0 0 * * *", run), Ticks()
    following = asyncio.create_task(follow_schedule(job, runner(job, ticks), ticks, stop))
    await asyncio.wait_for(ran.wait(), 5)
    stop.set()
    await asyncio.wait_for(following, 5)
    assert len(calls) == 1


async def test_runs_are_remembered_for_thirty_days() -> None:
    ticks = Ticks()
    for age in (RUNS_KEPT + timedelta(days=1), RUNS_KEPT - timedelta(days=1)):
        ticks.at = START - age
        await ticks.acquire("emit", ticks.at, "a", LEASE)
        await ticks.finish("emit", ticks.at, "a", {})
    ticks.at = START
    assert await forgetful(counting()[0].run, ticks)() == {"planned": 7}
    assert set(ticks.runs) == {("emit", START - RUNS_KEPT + timedelta(days=1))}
