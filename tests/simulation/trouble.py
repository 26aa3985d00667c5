"""What befalls everybody: processes killed, stores and providers away, topics lost, people's changes, and new rules of time."""

import asyncio
from collections.abc import Awaitable, Callable

from occasions import zones
from scheduler_service.adapters.due_topic import TOPIC as DUE_TOPIC
from scheduler_service.consumer.intake import MESSAGE_OUTCOME
from simulation import new_tzdata
from simulation.world import World

#: Mean hours between two of a kind.
KILL, REBALANCE, REWIND, FLUSH, PROVIDER_AWAY, KAFKA_AWAY, DISPATCHER_DOWN, TOPIC_LOST, LONG_OUTAGE = 3, 4, 8, 12, 24, 36, 24, 200, 700
#: Mean days between two changes of one person.
CHANGE_DAYS = 90
#: So many change somebody at once, now and then the same person.
CALLERS = 3


class Trouble:
    """Everything outside the services, until the calm."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.chance.random

    def begin(self) -> list[asyncio.Task[None]]:
        often: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (KILL, self._kill),
            (REBALANCE, self._rebalance),
            (REWIND, self._rewind),
            (FLUSH, self._flush),
            (PROVIDER_AWAY, self._provider_away),
            (KAFKA_AWAY, self._kafka_away),
            (DISPATCHER_DOWN, self._dispatcher_down),
            (TOPIC_LOST, self._lose_topic),
            (LONG_OUTAGE, self._long_outage),
            *[(CHANGE_DAYS * 24 * CALLERS / self._world.setup.people, self._world.callers.change_somebody)] * CALLERS,
        ]
        return [asyncio.create_task(self._every(hours, step)) for hours, step in often] + [asyncio.create_task(self._new_rules())]

    async def _every(self, mean_hours: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(1 / (mean_hours * 3600)))
            await step()

    def _tell(self, what: str) -> None:
        self._world.chance.faults[what] += 1
        self._world.story.tell_all(what)

    async def _kill(self) -> None:
        process = self._random.choice(self._world.processes)
        self._tell(f"{process.name.split()[0]} killed")
        process.kill()

    async def _rebalance(self) -> None:
        self._tell("rebalance")
        self._random.choice(list(self._world.broker.groups.values())).rebalance()

    async def _rewind(self) -> None:
        self._tell("offsets lost")
        self._random.choice(list(self._world.broker.groups.values())).rewind()

    async def _flush(self) -> None:
        self._tell("redis emptied")
        self._world.post.hints.sent.clear()

    async def _provider_away(self) -> None:
        self._tell("provider away")
        self._world.provider.failing_until = self._world.clock.monotonic() + self._random.uniform(60, 3600)

    async def _kafka_away(self) -> None:
        self._tell("kafka away")
        self._world.broker.away_until = self._world.clock.monotonic() + self._random.uniform(10, 900)

    async def _dispatcher_down(self) -> None:
        self._tell("dispatcher killed")
        self._world.dispatcher.kill()
        await asyncio.sleep(self._random.choice((1, 5, 30, 600)))
        self._world.dispatcher.start()

    async def _lose_topic(self) -> None:
        topic = self._random.choice((DUE_TOPIC, MESSAGE_OUTCOME))
        self._tell(f"topic lost: {topic}")
        self._world.broker.lose(topic)

    async def _long_outage(self) -> None:
        """All replicas of a service, or of every one, for up to 25 hours."""
        world, hours = self._world, self._random.choice((1, 6, 25))
        gone = self._random.choice((world.user_services, world.schedulers, world.notifiers, world.processes))
        self._tell(f"{len(gone)} processes down for {hours} h")
        for process in gone:
            process.kill(down_for=hours * 3600)

    async def _new_rules(self) -> None:
        """Once, a zone of a new tzdata keeps another time; all schedulers begin anew with it."""
        await asyncio.sleep(self._world.setup.days * 86_400 * self._random.uniform(0.3, 0.7))
        zone, hours = self._random.choice(zones.stored()), self._random.choice((-1, 1))
        self._tell("new tzdata")
        self._world.story.tell_all(f"{zone} keeps UTC{hours:+} from now on")
        new_tzdata.adopt(zone, hours)
        for process in self._world.schedulers:
            process.kill(down_for=1.0)
