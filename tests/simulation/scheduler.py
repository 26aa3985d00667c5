"""The scheduler as its bootstrap puts it together, over memory; only its waits are by events instead of polls."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from scheduler_service.adapters import memory
from scheduler_service.adapters.due_topic import TOPIC as DUE_TOPIC
from scheduler_service.adapters.due_topic import KafkaDueTopic
from scheduler_service.adapters.memory import Tables
from scheduler_service.adapters.memory.emit import microseconds
from scheduler_service.adapters.questions import question
from scheduler_service.consumer import Intake, message_outcome, user_changed
from scheduler_service.consumer.intake import MESSAGE_OUTCOME, USER_CHANGED
from scheduler_service.domain import GREETED_DAYS, JobName, PlanRules, Question, State
from scheduler_service.emission import Emitter
from scheduler_service.jobs import LONGEST_WATCH, Job, JobRunner
from scheduler_service.planning import Planner
from scheduler_service.recovery import Patience, Recoverer
from scheduler_service.service import UserChanges
from scheduler_service.settlement import Settler
from servicekit.kafka import BatchConsumer, Partition, Record, Sieve
from servicekit.outbox import _Row
from simulation.broker import Backlog, Broker, Member
from simulation.chance import Chance, Faulty, faulty_unit
from simulation.outbox import OutboxTable, SimulatedRelay
from simulation.processes import Process, Pulse, steadily, until_dead, until_done, until_set
from simulation.virtual import VirtualClock

CHANGES_GROUP = "scheduler.user-changed"
POISON = "heyday.scheduler.v1.poison"
OUTCOMES_GROUP = "scheduler.message-outcome"
DUE_GROUP = "notifier.due"
DAYS_BACK = 5
PATIENCE = Patience(outcome=timedelta(seconds=300), answer=timedelta(seconds=60), emit=timedelta(seconds=120))
LEASE = timedelta(seconds=60)
BATCH = 50
RECOVER_SECONDS = 600
#: *recover* as often as that while something waits for it; else it would find nothing, and is skipped but for these.
RECOVER_AT_LEAST_EVERY = timedelta(hours=12)


class Questions:
    """The outbox's rows."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def any(self) -> bool:
        return bool(self._tables.questions)

    async def read(self) -> Sequence[_Row]:
        async with self._tables.transaction():
            return [_Row(number, self._record(row)) for number, row in self._tables.questions.items()]

    async def delete(self, ids: Collection[int]) -> None:
        async with self._tables.transaction():
            for number in ids:
                del self._tables.questions[number]

    def _record(self, asked: Question) -> Record:
        asked_at = microseconds(self._tables.asked_at[asked.message_id])
        return question(asked.message_id.bytes, asked.revision, asked.user_id.bytes, asked_at)


@dataclass
class Plan:
    """What all replicas of the scheduler share: the database, the broker, and the news that something may have come due."""

    clock: VirtualClock
    chance: Chance
    tables: Tables
    broker: Broker
    rules: Callable[[], PlanRules]
    #: Something may have come due.
    news: Pulse = field(default_factory=Pulse)
    outbox: OutboxTable = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = OutboxTable("plan.outbox", Questions(self.tables), self.clock)

    def now(self) -> datetime:
        return self.clock.now()

    def is_settled(self) -> bool:
        """Whether *recover* has nothing to find."""
        messages = self.tables.messages
        overdue = any(m.send_at < self.now() for state in (State.SCHEDULED, State.RETRYING) for m in messages.where("state", state))
        return not (overdue or messages.where("state", State.QUEUED) or messages.where("asked", True) or self.tables.questions)


async def run(plan: Plan, process: Process, tasks: asyncio.TaskGroup) -> None:
    """One replica's loops."""
    faulty = partial(Faulty, name="plan", chance=plan.chance)
    ticks = faulty(memory.MemoryTicks(plan.now, plan.tables))
    planner = _planner(plan, faulty(memory.MemoryPlanStore(plan.now, plan.tables)), ticks)
    emitter = _emitter(plan)
    recoverer = _recoverer(plan, emitter, planner)
    daily, often = Job(JobName.PLAN, "0 0 * * *", planner.plan), Job(JobName.RECOVER, "*/10 * * * *", recoverer.recover)
    runner = JobRunner([daily, often], ticks, process.name, LEASE, frozenset(JobName))

    await until_done(planner.prepare)
    for consumer in _consumers(plan, process):
        await consumer.start()
        tasks.create_task(until_dead(consumer))
    tasks.create_task(steadily(partial(_emit, plan, emitter)))
    tasks.create_task(steadily(SimulatedRelay(plan.outbox, plan.broker, plan.chance).round))
    tasks.create_task(steadily(partial(_plan_daily, plan, runner, daily)))
    tasks.create_task(steadily(partial(_recover, plan, runner, often)))


def _planner(plan: Plan, store: Any, ticks: Any) -> Planner:
    return Planner(
        store,
        plan.rules(),
        batch_slots=200,
        concurrency=2,
        months_ahead=1,
        retention_months=36,
        last_look=partial(ticks.last_success, JobName.RECOVER),
        changed=plan.news.beat,
    )


def _emitter(plan: Plan) -> Emitter:
    unit = faulty_unit(partial(memory.emission, plan.now, plan.tables, DAYS_BACK), "emission", plan.chance)
    kinds = {name: rules.occasion for name, rules in plan.rules().kinds.items()}
    return Emitter(unit, KafkaDueTopic(plan.broker), kinds, BATCH)


def _recoverer(plan: Plan, emitter: Emitter, planner: Planner) -> Recoverer:
    unit = faulty_unit(partial(memory.recovery, plan.now, plan.tables), "recovery", plan.chance)
    backlog = Backlog(plan.broker.group(DUE_GROUP, DUE_TOPIC))
    return Recoverer(unit, emitter, backlog, planner.plan_missed, PATIENCE, BATCH)


def _consumers(plan: Plan, process: Process) -> list[BatchConsumer[Any]]:
    rules, faulty = plan.rules(), partial(Faulty, name="plan", chance=plan.chance)
    replans = cast(memory.MemoryReplanStore, faulty(memory.MemoryReplanStore(plan.now, plan.tables)))
    settler = Settler(cast(memory.MemorySettlements, faulty(memory.MemorySettlements(plan.now, plan.tables, GREETED_DAYS))))
    on_time = dict.fromkeys(rules.kinds, 60.0)
    intake = Intake(UserChanges(replans, rules, plan.news.beat), settler, plan.news.beat, CHANGES_GROUP, on_time)

    async def stored(partitions: Collection[Partition]) -> dict[Partition, int]:
        offsets = await memory.MemoryReplanStore(plan.now, plan.tables).stored_offsets(CHANGES_GROUP, partitions)
        return {Partition(*place): offset for place, offset in offsets.items()}

    change_group, outcome_group = plan.broker.group(CHANGES_GROUP, USER_CHANGED), plan.broker.group(OUTCOMES_GROUP, MESSAGE_OUTCOME)
    changes = process.join(change_group, Member(change_group, stored=stored))
    outcomes = process.join(outcome_group, Member(outcome_group))
    return [
        BatchConsumer(changes, Sieve(CHANGES_GROUP, user_changed, plan.broker, POISON), intake.take_changes, grace_seconds=0),
        BatchConsumer(outcomes, Sieve(OUTCOMES_GROUP, message_outcome, plan.broker, POISON), intake.take_outcomes, grace_seconds=0),
    ]


async def _emit(plan: Plan, emitter: Emitter) -> None:
    news = plan.news.next()
    await emitter.emit()
    now = plan.clock.now_us()
    due = await emitter.next_due(now)
    # What is due and was not emitted is held up by another, and looked at as often as the real watch does.
    held_up = any(
        m.send_at <= plan.now() for state in (State.SCHEDULED, State.RETRYING) for m in plan.tables.messages.where("state", state)
    )
    ahead = (due - now) / 1e6 + 0.001 if due is not None else None
    wait = min(LONGEST_WATCH.total_seconds(), ahead or 5.0) if held_up else ahead
    await until_set(news, wait)


async def _plan_daily(plan: Plan, runner: JobRunner, job: Job) -> None:
    if await runner.run_due(job, plan.now()):
        await asyncio.sleep((job.tick_after(plan.now()) - plan.now()).total_seconds())
    else:
        await asyncio.sleep(5.0)


async def _recover(plan: Plan, runner: JobRunner, job: Job) -> None:
    began = plan.now()
    await runner.run_due(job, began)
    while True:
        await asyncio.sleep(RECOVER_SECONDS)
        if not plan.is_settled() or plan.now() - began >= RECOVER_AT_LEAST_EVERY:
            return
