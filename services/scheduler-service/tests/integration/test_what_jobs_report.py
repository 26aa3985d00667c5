"""What *recover* and *plan* report of a run is what the tables show, on Postgres."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

import psycopg
import pytest

from scheduler_service.adapters.postgres.plan_store import PostgresPlanStore
from scheduler_service.domain import JobName, JobRun, PlanRules, RunResult, Unfinished
from scheduler_service.jobs import Job, JobRunner
from scheduler_service.planning import Planner
from scheduler_service.ports import Emitted
from scheduler_service.recovery import Patience, Recoverer
from scheduler_service.testing import rules
from scheduler_service.testing.delivery import MINUTE, TODAY, StillUnread, Topic, now
from scheduler_service.testing.delivery_worlds import PostgresDelivery
from servicekit.kafka import KafkaUnavailable
from servicekit.outbox import Outbox
from servicekit.postgres import DatabaseUnavailable

ONE_DAY = timedelta(days=1)
YESTERDAY, TOMORROW = TODAY - ONE_DAY, TODAY + ONE_DAY
#: Its greeting could be made up until yesterday.
TOO_LONG_AGO = TODAY - 4 * ONE_DAY


class Ending(Topic):
    """Takes so many batches, and then none until it is told to."""

    takes = 1

    async def produce(self, messages: Sequence[Emitted]) -> None:
        if not self.takes:
            raise KafkaUnavailable
        self.takes -= 1
        self.produced += messages


def jobs(plan: PostgresDelivery, by: PlanRules | None = None) -> JobRunner:
    async def long_ago() -> datetime:
        return now() - 30 * ONE_DAY

    store = PostgresPlanStore(plan.engine, Outbox(), 0)
    planner = Planner(store, by or rules(), batch_slots=3, concurrency=2, months_ahead=1, retention_months=24, last_look=long_ago)
    patience = Patience(MINUTE, MINUTE, MINUTE)
    recoverer = Recoverer(plan.recovery(), plan.emitter(batch=2), StillUnread(), planner.plan_missed, patience, 2)
    made = [Job(JobName.PLAN, "0 0 * * *", planner.plan), Job(JobName.RECOVER, "0 0 * * *", recoverer.recover)]
    return JobRunner(made, plan.ticks, "a", MINUTE, frozenset())


async def last_run(runner: JobRunner, job: str) -> JobRun:
    run = (await runner.get(job)).last_run
    assert run is not None
    return run


async def recovered(runner: JobRunner) -> Mapping[str, int]:
    """The run's missed, recovered and failed, as anybody reads them who asks for the job's status."""
    status = await runner.run(JobName.RECOVER)
    run = await last_run(runner, JobName.RECOVER)
    assert (status.last_run, run.result) == (run, RunResult.SUCCEEDED)
    return _three(run)


async def recovered_in_part(runner: JobRunner) -> Mapping[str, int]:
    with pytest.raises(Unfinished) as failed:
        await runner.run(JobName.RECOVER)
    run = await last_run(runner, JobName.RECOVER)
    assert (run.result, run.error) == (RunResult.FAILED, failed.value.message)
    return _three(run)


def _three(run: JobRun) -> Mapping[str, int]:
    return {name: run.counts[name] for name in ("missed", "recovered", "failed")}


def told(missed: int, recovered: int, failed: int) -> Mapping[str, int]:
    return {"missed": missed, "recovered": recovered, "failed": failed}


async def states(plan: PostgresDelivery) -> Counter[str]:
    return Counter([row["state"] for row in await plan.fetch("SELECT state FROM messages")])


async def overdue(plan: PostgresDelivery, count: int) -> None:
    for number in range(count):
        await plan.plan(await plan.user(), due=-7200 + number)


async def never_planned(plan: PostgresDelivery, *days: date) -> None:
    for day in days:
        await plan.user(day=day)


async def test_recover_reports_what_it_found_and_then_only_what_had_failed(postgres_plan: PostgresDelivery) -> None:
    plan, topic = postgres_plan, Ending()
    plan.topic = topic
    await never_planned(plan, YESTERDAY, YESTERDAY, TOO_LONG_AGO)
    await plan.user(day=YESTERDAY, kind="anniversary", year=YESTERDAY.year)  # of year nought: nobody misses it
    await overdue(plan, 2)
    await plan.plan(await plan.user(), due=-7000, expires_at=now() - MINUTE)
    await plan.plan(await plan.user(), due=3600)
    lost = await plan.plan(await plan.user(), state="QUEUED", queued_at=now() - 10 * MINUTE, variant="on_the_day")
    runner = jobs(plan)

    assert await recovered_in_part(runner) == told(6, 2, 4)  # what is lost is not known while Kafka is away
    assert await states(plan) == {"QUEUED": 1 + 2, "EXPIRED": 2, "SCHEDULED": 2 + 1, "SUPPRESSED": 1}
    assert len(topic.produced) == 2

    assert await recovered_in_part(runner) == told(2, 0, 2)
    assert await states(plan) == {"QUEUED": 3, "EXPIRED": 2, "SCHEDULED": 3, "SUPPRESSED": 1}

    topic.takes = 9
    assert await recovered(runner) == told(3, 3, 0)
    assert await states(plan) == {"QUEUED": 5, "EXPIRED": 2, "SCHEDULED": 1, "SUPPRESSED": 1}
    assert [emitted.message.id for emitted in topic.produced if emitted.recovered] == [lost.bytes]

    assert await recovered(runner) == told(0, 0, 0)
    assert len(topic.produced) == 5


async def test_recover_reports_as_failed_what_another_holds_until_it_lets_go(postgres_plan: PostgresDelivery) -> None:
    plan = postgres_plan
    await overdue(plan, 3)
    held = await plan.plan(await plan.user(), due=-60 * 60)
    over = await plan.plan(await plan.user(), due=-60 * 60, expires_at=now() - MINUTE)
    runner = jobs(plan)
    async with await psycopg.AsyncConnection.connect(plan.url) as other:
        await other.execute("SELECT FROM messages WHERE id = ANY(%s) FOR UPDATE", [[held, over]])
        assert await recovered(runner) == told(5, 3, 2)
        assert await states(plan) == {"QUEUED": 3, "SCHEDULED": 2}
        assert await recovered(runner) == told(2, 0, 2)
        assert await states(plan) == {"QUEUED": 3, "SCHEDULED": 2}
    assert await recovered(runner) == told(2, 1, 1)
    assert await states(plan) == {"QUEUED": 4, "EXPIRED": 1}
    assert await recovered(runner) == told(0, 0, 0)


async def test_recover_reports_what_it_had_emitted_again_when_kafka_went_away(postgres_plan: PostgresDelivery) -> None:
    plan, topic = postgres_plan, Ending()
    plan.topic = topic
    for _ in range(5):
        await plan.plan(await plan.user(), state="QUEUED", queued_at=now() - 10 * MINUTE, variant="on_the_day")
    runner = jobs(plan)
    assert await recovered_in_part(runner) == told(2, 2, 0)
    topic.takes = 9
    assert await recovered(runner) == told(3, 3, 0)
    assert len(topic.produced) == 5


async def test_recover_reports_what_it_had_ended_when_postgres_went_away(
    postgres_plan: PostgresDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = postgres_plan
    for _ in range(3):
        await plan.plan(await plan.user(), due=-7000, expires_at=now() - MINUTE)
    await overdue(plan, 2)

    async def away(_: Planner) -> int:
        raise DatabaseUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(Planner, "plan_missed", away)
        assert await recovered_in_part(jobs(plan)) == told(5, 0, 5)
    assert await states(plan) == {"EXPIRED": 3, "SCHEDULED": 2}
    assert await recovered(jobs(plan)) == told(2, 2, 0)


async def test_plan_reports_how_many_it_planned_and_moved(postgres_plan: PostgresDelivery) -> None:
    plan = postgres_plan
    await never_planned(plan, TOMORROW, TOMORROW, YESTERDAY, TOO_LONG_AGO)
    await plan.user(day=TOMORROW, kind="anniversary", year=TOMORROW.year)
    runner = jobs(plan)
    await runner.run(JobName.PLAN)
    counts = (await last_run(runner, JobName.PLAN)).counts
    assert (counts["planned"], counts["moved"]) == (3, 0)
    assert await states(plan) == {"SCHEDULED": 3, "SUPPRESSED": 1}

    runner = jobs(plan, rules(epoch=1, send_time=time(10)))
    await runner.run(JobName.PLAN)
    counts = (await last_run(runner, JobName.PLAN)).counts
    assert (counts["planned"], counts["moved"]) == (0, 2)
    assert len(await plan.fetch("SELECT id FROM messages WHERE revision = 2")) == 2
