"""user-service as its bootstrap puts it together, over memory, and the calls that reach one of its replicas."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast
from uuid import UUID

from occasions.registry import discover
from scheduler_service.consumer.intake import USER_CHANGED
from servicekit.errors import DomainError, Unavailable
from servicekit.kafka import Record
from servicekit.outbox import _Row
from simulation.broker import Broker
from simulation.chance import Chance, Faulty
from simulation.outbox import OutboxTable, SimulatedRelay
from simulation.processes import Process, steadily
from simulation.virtual import VirtualClock
from user_service import wire
from user_service.adapters.memory import Entry, MemoryUserCache, MemoryUserStore
from user_service.domain import User
from user_service.ports import UnitOfWork
from user_service.service import UserService

EPOCH = 1
KINDS = discover()
#: After a commit; as long as the real relay's poll, for the one who committed may die before it wakes anybody.
RELAYED_AFTER_SECONDS = 1.0

T = TypeVar("T")
Work = Callable[[UserService], Awaitable[User]]


class Snapshots:
    """The outbox's rows: the store's events, but for those that are relayed."""

    def __init__(self, store: MemoryUserStore) -> None:
        self._store = store
        self._relayed_upto = 0
        self._relayed: set[int] = set()

    def any(self) -> bool:
        return self._relayed_upto < len(self._store.state.events)

    async def read(self) -> Sequence[_Row]:
        events = self._store.state.events
        numbers = (number for number in range(self._relayed_upto, len(events)) if number not in self._relayed)
        return [_Row(number, _record(events[number])) for number in numbers]

    async def delete(self, ids: Collection[int]) -> None:
        self._relayed.update(ids)
        while self._relayed_upto in self._relayed:
            self._relayed.remove(self._relayed_upto)
            self._relayed_upto += 1


class Users:
    """What all replicas of user-service share: the database, the cache, the broker."""

    def __init__(self, clock: VirtualClock, chance: Chance, broker: Broker) -> None:
        self.clock = clock
        self.chance = chance
        self.broker = broker
        self.store = WatchedStore(clock)
        self.outbox = OutboxTable("users.outbox", Snapshots(self.store), clock)
        self.store.committed = self.outbox.news.beat
        self.cached: dict[UUID, Entry] = {}
        self.replicas: list[Replica] = []

    async def call(self, work: Work) -> User:
        """Raises what the use case does, and Unavailable where the answer is lost, whether or not the work was done."""
        if not self.replicas:
            raise Unavailable
        return await self.chance.random.choice(self.replicas).call(work)

    def new_id(self) -> UUID:
        return UUID(int=self.chance.random.getrandbits(128), version=4)


class WatchedStore(MemoryUserStore):
    """Tells of commits."""

    committed: Callable[[], None]

    async def transact(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        done = await super().transact(work)
        asyncio.get_running_loop().call_later(RELAYED_AFTER_SECONDS, self.committed)
        return done

    def settle(self, users: Sequence[User]) -> None:
        """Those who were there before."""
        for user in users:
            self.state.store(user)


@dataclass(eq=False)
class Replica:
    """A process that takes calls."""

    service: UserService
    cache: MemoryUserCache
    chance: Chance
    tasks: asyncio.TaskGroup
    # A dict, for its order: a set's would differ from run to run.
    waiting: dict[asyncio.Future[User], None] = field(default_factory=dict)

    async def call(self, work: Work) -> User:
        answer: asyncio.Future[User] = asyncio.get_running_loop().create_future()
        answering = self._answer(work, answer)
        try:
            self.tasks.create_task(answering)
        except RuntimeError:  # the process is just ending
            answering.close()
            raise Unavailable from None
        self.waiting[answer] = None
        answer.add_done_callback(self.waiting.pop)
        return await answer

    async def _answer(self, work: Work, answer: "asyncio.Future[User]") -> None:
        self.cache.is_down = self.chance.happens(0.05, "redis away for user-service")
        try:
            await self.service.learn_generation()  # as polled for each second
            user = await work(self.service)
        except DomainError as error:
            _tell(answer, error)
        else:
            _tell(answer, user)

    def hang_up(self) -> None:
        for answer in tuple(self.waiting):
            _tell(answer, Unavailable())


def _tell(answer: "asyncio.Future[User]", what: User | DomainError) -> None:
    if answer.done():  # its caller is gone
        return
    if isinstance(what, User):
        answer.set_result(what)
    else:
        answer.set_exception(what)


async def run(users: Users, process: Process, tasks: asyncio.TaskGroup) -> None:
    """One replica's calls and relay."""
    cache = MemoryUserCache(users.cached)
    store = cast(MemoryUserStore, Faulty(users.store, "users", users.chance))
    service = UserService(store, cache, users.clock, KINDS, new_id=users.new_id, committed=users.outbox.news.beat)
    tasks.create_task(steadily(SimulatedRelay(users.outbox, users.broker, users.chance).round))
    replica = Replica(service, cache, users.chance, tasks)
    users.replicas.append(replica)
    try:
        await asyncio.Event().wait()
    finally:
        users.replicas.remove(replica)
        replica.hang_up()


def _record(user: User) -> Record:
    return Record(USER_CHANGED, user.id.bytes, wire.to_snapshot(user, EPOCH).SerializeToString())
