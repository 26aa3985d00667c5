"""The composition root: reads like an index."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from heyday.scheduler.v1 import scheduler_service_pb2, scheduler_service_pb2_grpc
from scheduler_service import metrics
from scheduler_service.adapters import due_topic, questions
from scheduler_service.adapters.due_backlog import KafkaBacklog
from scheduler_service.adapters.due_topic import KafkaDueTopic
from scheduler_service.adapters.postgres.emit import emission
from scheduler_service.adapters.postgres.outcomes import PostgresSettlements
from scheduler_service.adapters.postgres.plan_store import PostgresPlanStore
from scheduler_service.adapters.postgres.queries import PostgresQueries
from scheduler_service.adapters.postgres.recover import recovery
from scheduler_service.adapters.postgres.replan import PostgresReplanStore
from scheduler_service.adapters.postgres.ticks import PostgresTicks
from scheduler_service.consumer import Intake, message_outcome, user_changed
from scheduler_service.consumer.intake import MESSAGE_OUTCOME, USER_CHANGED
from scheduler_service.domain import ACCOUNTED_FOR, GREETED_DAYS, JobName, PlanRules
from scheduler_service.emission import Emitter
from scheduler_service.jobs import DueWatch, Job, JobRunner, follow_schedule, forgetful
from scheduler_service.planning import Planner
from scheduler_service.recovery import Patience, Recoverer
from scheduler_service.service import Plan, UserChanges
from scheduler_service.servicer import SchedulerServicer
from scheduler_service.settings import MigrationSettings, Settings
from scheduler_service.settlement import Settler
from servicekit.errors import Unavailable
from servicekit.grpc_server import GrpcServer
from servicekit.kafka import BatchConsumer, KafkaConsumer, KafkaProducer, Partition, Sieve
from servicekit.outbox import Outbox, Relay
from servicekit.postgres import create_engine, ping
from servicekit.runtime import Backoff, Closing, Component, Loop, Readiness, probe
from servicekit.telemetry import metrics_server
from servicekit.topics import UsedTopics

log = structlog.get_logger()

SERVICE = scheduler_service_pb2.DESCRIPTOR.services_by_name["SchedulerService"].full_name
CHANGES_GROUP = "scheduler.user-changed"
OUTCOMES_GROUP = "scheduler.message-outcome"
POISON_TOPIC = "heyday.scheduler.v1.poison"
TOPICS = (USER_CHANGED, MESSAGE_OUTCOME, due_topic.TOPIC, questions.TOPIC, POISON_TOPIC)
#: Nobody waits for the plan to say SENT: what comes within this time is settled by one statement.
OUTCOMES_GATHER_SECONDS = 0.2


def build(settings: Settings, readiness: Readiness) -> Sequence[Component]:
    """The parts of the process, in the order of their start. Postgres decides readiness; Kafka only slows things down."""
    engine = create_engine(settings, "scheduler-service")
    producer = KafkaProducer(settings)
    outbox = Outbox()
    relay = Relay(engine, outbox, producer)
    offset = settings.clock_offset_seconds
    rules = settings.plan_rules

    ticks = PostgresTicks(engine, offset)
    emitter = _emitter(settings, engine, producer)
    watch = DueWatch(emitter, ticks)

    def changed() -> None:
        watch.wake()
        relay.wake()

    planner = _planner(settings, PostgresPlanStore(engine, outbox, offset), ticks, watch.wake)
    recoverer = _recoverer(settings, engine, outbox, emitter, planner)
    runner = JobRunner(
        _jobs(settings, ticks, planner, emitter, recoverer),
        ticks,
        settings.instance_name,
        timedelta(seconds=settings.job_lease_seconds),
        settings.enabled_jobs,
    )

    replans = PostgresReplanStore(engine, outbox, offset)
    settler = Settler(PostgresSettlements(engine, offset, GREETED_DAYS))
    intake = Intake(UserChanges(replans, rules, changed), settler, watch.wake, CHANGES_GROUP, settings.on_time)
    changes = _consumer(settings, CHANGES_GROUP, USER_CHANGED, replans)
    outcomes = _consumer(settings, OUTCOMES_GROUP, MESSAGE_OUTCOME, gather_seconds=OUTCOMES_GATHER_SECONDS)

    servicer = SchedulerServicer(Plan(PostgresQueries(engine, offset, _days_back(rules)), changed), runner)
    register = partial(scheduler_service_pb2_grpc.add_SchedulerServiceServicer_to_server, servicer)
    metrics.TZDATA.labels(rules.tzdata_version).set(1)

    return [
        metrics_server(settings),
        Closing("postgres", engine.dispose),
        producer,
        Preparation(planner, readiness),
        relay,
        changes,
        BatchConsumer(changes, Sieve(CHANGES_GROUP, user_changed, producer, POISON_TOPIC), intake.take_changes),
        outcomes,
        BatchConsumer(outcomes, Sieve(OUTCOMES_GROUP, message_outcome, producer, POISON_TOPIC), intake.take_outcomes),
        *(Loop(f"{job.id}-schedule", partial(follow_schedule, job, runner, ticks)) for job in runner.scheduled),
        *([Loop("due-watch", watch.follow)] if JobName.EMIT in settings.enabled_jobs else []),
        probe("postgres", partial(ping, engine), readiness),
        probe("kafka", UsedTopics(settings, TOPICS).look, readiness, required=False),
        GrpcServer(settings, [register], readiness=readiness, reflected=[SERVICE]),
    ]


def _emitter(settings: Settings, engine: AsyncEngine, producer: KafkaProducer) -> Emitter:
    rules = settings.plan_rules
    kinds = {name: kind.occasion for name, kind in rules.kinds.items()}
    unit = partial(emission, engine, settings.clock_offset_seconds, _days_back(rules))
    return Emitter(unit, KafkaDueTopic(producer), kinds, settings.emit_batch_messages)


def _days_back(rules: PlanRules) -> int:
    """The local dates that messages can still be open for; past the longest budget too, for what is to expire is still found."""
    return (max(kind.belated for kind in rules.kinds.values()) + ACCOUNTED_FOR).days + 3


def _planner(settings: Settings, store: PostgresPlanStore, ticks: PostgresTicks, changed: Callable[[], None]) -> Planner:
    return Planner(
        store,
        settings.plan_rules,
        batch_slots=settings.plan_batch_slots,
        concurrency=settings.plan_concurrency,
        months_ahead=settings.partition_months_ahead,
        retention_months=settings.message_retention_months,
        last_look=partial(ticks.last_success, JobName.RECOVER),
        changed=changed,
    )


def _recoverer(settings: Settings, engine: AsyncEngine, outbox: Outbox, emitter: Emitter, planner: Planner) -> Recoverer:
    patience = Patience(
        outcome=timedelta(seconds=settings.outcome_patience_seconds),
        answer=timedelta(seconds=settings.answer_patience_seconds),
        emit=timedelta(seconds=settings.emit_patience_seconds),
    )
    backlog = KafkaBacklog(settings, settings.notifier_group)
    unit = partial(recovery, engine, outbox, settings.clock_offset_seconds)
    return Recoverer(unit, emitter, backlog, planner.plan_missed, patience, settings.emit_batch_messages)


def _jobs(settings: Settings, ticks: PostgresTicks, planner: Planner, emitter: Emitter, recoverer: Recoverer) -> list[Job]:
    async def emit() -> dict[str, int]:
        emitted = await emitter.emit()
        metrics.EMITTED.inc(emitted)
        return {"emitted": emitted}

    return [
        Job(JobName.PLAN, settings.cron_daily_schedule, forgetful(planner.plan, ticks)),
        Job(JobName.EMIT, settings.cron_minute_schedule, emit),
        Job(JobName.RECOVER, settings.cron_recovery_schedule, recoverer.recover),
    ]


def _consumer(
    settings: Settings, group: str, topic: str, store: PostgresReplanStore | None = None, *, gather_seconds: float = 0.05
) -> KafkaConsumer:
    async def stored(partitions: Collection[Partition]) -> dict[Partition, int]:
        offsets = await store.stored_offsets(group, partitions) if store else {}
        return {Partition(*place): offset for place, offset in offsets.items()}

    return KafkaConsumer(
        settings,
        group=group,
        topics=[topic],
        batch_records=settings.consumer_batch_records,
        batch_wait_seconds=gather_seconds,
        stored_offsets=stored if store else None,
    )


class Preparation:
    """A Component whose start waits until the database is there and has what this replica needs."""

    name = "preparation"

    def __init__(self, planner: Planner, readiness: Readiness) -> None:
        self._planner = planner
        self._readiness = readiness
        readiness.expect(self.name)

    async def start(self) -> None:
        backoff, failures = Backoff(), 0
        while True:
            try:
                await self._planner.prepare()
                break
            except Unavailable as error:
                failures += 1
                log.warning("preparation.waits", reason=error.reason, failures=failures)
                await asyncio.sleep(backoff.seconds(failures))
        self._readiness.set(self.name, True)

    async def wait(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        pass


async def make_partitions(settings: MigrationSettings, months_back: int = 1, months_ahead: int = 3) -> None:
    """The months round today, so that a fresh database has where to write to."""
    engine = create_engine(settings, "scheduler-migrations")
    store = PostgresPlanStore(engine, Outbox(), settings.clock_offset_seconds)
    first = await store.now() - months_back * timedelta(days=31)
    await store.make_partitions(first.date(), months_back + months_ahead + 1)
    await engine.dispose()
