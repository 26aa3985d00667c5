"""Everything there is, put together from one seed."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import partial
from unittest.mock import patch

from notifier_service.adapters.memory import MemoryLedger, MemorySentHints
from occasions import zones
from occasions.registry import discover
from scheduler_service.adapters.memory import Tables
from scheduler_service.domain import KindRules, PlanRules, Question
from simulation import new_tzdata, notifier, scheduler, users
from simulation.broker import Broker
from simulation.chance import Chance, Rates
from simulation.dispatcher import DispatcherServer
from simulation.notifier import TERMS, Post
from simulation.people import Callers, populate
from simulation.processes import Body, Process
from simulation.provider import SimulatedProvider
from simulation.scheduler import Plan
from simulation.story import Story, ToldLedger
from simulation.users import Users
from simulation.virtual import VirtualClock, VirtualLoop

HORIZON = timedelta(hours=48)
BELATED = timedelta(hours=48)
REPLICAS = 2


@dataclass(frozen=True)
class Setup:
    """What a run is determined by."""

    seed: int
    begins_at: datetime
    days: int
    people: int
    rates: Rates = field(default_factory=Rates)

    @property
    def ends_at(self) -> datetime:
        return self.begins_at + timedelta(days=self.days)


class World:
    """Services, broker, provider and people at one virtual time."""

    def __init__(self, setup: Setup, loop: VirtualLoop) -> None:
        self.setup = setup
        self.clock = VirtualClock(loop, setup.begins_at)
        self.chance = Chance(setup.seed, setup.rates)
        self.story = Story(self.clock.now)
        self.broker = Broker(self.clock, self.chance)
        self.provider = SimulatedProvider(self.clock, self.chance, self.story)
        self.dispatcher = DispatcherServer(self.clock, self.provider)
        self._kinds = {name: KindRules(kind, time(9), None, BELATED) for name, kind in discover().items()}
        self.plan = Plan(self.clock, self.chance, Tables(), self.broker, self._rules)
        self.plan.tables.messages.watch = self.story.planned
        self.plan.tables.questions.watch = self._asked
        ledger = MemoryLedger(self.clock.now_us, TERMS)
        ledger.entries = ToldLedger(self.story)
        self.post = Post(self.clock, self.chance, ledger, MemorySentHints(), self.broker, self.dispatcher)
        self.users = Users(self.clock, self.chance, self.broker)
        self.users.store.settle(populate(self.chance.random, setup.people, setup.begins_at))
        self.callers = Callers(self.users, self.chance.random)
        self.user_services = self._replicas("user-service", partial(users.run, self.users))
        self.schedulers = self._replicas("scheduler", partial(scheduler.run, self.plan))
        self.notifiers = self._replicas("notifier", partial(notifier.run, self.post))

    @property
    def processes(self) -> list[Process]:
        return self.user_services + self.schedulers + self.notifiers

    @property
    def defects(self) -> list[str]:
        return [defect for process in self.processes for defect in process.defects]

    def begin(self) -> list[asyncio.Task[None]]:
        """The processes' lives."""
        return [asyncio.create_task(process.live()) for process in self.processes]

    def is_settled(self) -> bool:
        """Whether nothing is under way."""
        ends = (len(self.broker.logs[p]) - group.begin(p) for group in self.broker.groups.values() for p in group.committed)
        return self.plan.is_settled() and not self.users.outbox.rows.any() and not any(ends)

    def _rules(self) -> PlanRules:
        return PlanRules(self._kinds, HORIZON, tzdata_version=zones.TZDATA_VERSION)

    def _asked(self, _: Question | None, asked: Question) -> None:
        self.story.tell(asked.message_id, f"plan: asks about revision {asked.revision}")
        # After the commit: whoever relays finds the row then.
        asyncio.get_running_loop().call_later(0.01, self.plan.outbox.news.beat)

    def _replicas(self, name: str, body: Body) -> list[Process]:
        return [Process(f"{name} {number}", body, self.chance, self.story) for number in range(REPLICAS)]


@contextmanager
def world_of(setup: Setup, loop: VirtualLoop) -> Iterator[World]:
    """A world, and for as long the services' own chance, clock and seams by its seed and loop."""
    random.seed(setup.seed)
    with ExitStack() as stack:
        for module in ("servicekit.breaker", "servicekit.outbox", "scheduler_service.jobs"):
            stack.enter_context(patch(f"{module}.monotonic", loop.time))
        stack.enter_context(new_tzdata.undone())
        world = World(setup, loop)
        stack.enter_context(patch("servicekit.failpoint.reach", world.chance.seam))
        yield world
