"""The store and the cache in memory: fakes for tests, held to the contracts of the real ones."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from servicekit.clock import Clock
from servicekit.errors import Unavailable
from user_service.domain import EmailAndExternalIdTaken, EmailTaken, ExternalIdTaken, StaleVersion, User, UserNotFound
from user_service.filters import UserFilter
from user_service.ports import Remembered, Request, UnitOfWork
from user_service.text import email_key

T = TypeVar("T")


@dataclass
class State:
    """All that the store holds. `events` are the snapshots in the order of their commits."""

    users: dict[UUID, User] = field(default_factory=dict)
    #: Whose an address or external id is, of those who are not deleted.
    owners: dict[tuple[str, str], UUID] = field(default_factory=dict)
    events: list[User] = field(default_factory=list)
    requests: dict[tuple[str, str], tuple[Remembered, datetime]] = field(default_factory=dict)
    generation: int = 0

    def branch(self) -> "State":
        return State(copy(self.users), copy(self.owners), copy(self.events), copy(self.requests), self.generation)

    def store(self, user: User) -> None:
        """Raises EmailTaken, ExternalIdTaken or both in one."""
        before = self.users.get(user.id)
        for name in _names(before) if before else ():
            del self.owners[name]
        names = _names(user)
        taken = [name for name in names if name in self.owners]
        if taken:
            raise EmailAndExternalIdTaken if len(taken) > 1 else EmailTaken if taken[0][0] == "email" else ExternalIdTaken
        for name in names:
            self.owners[name] = user.id
        self.users[user.id] = user
        self.events.append(user)


class MemoryUserStore:
    """A UserStore. Units of work run one after another."""

    def __init__(self, clock: Clock) -> None:
        self.state = State()
        self.is_down = False
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def transact(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        async with self._one_at_a_time:
            state = self._reach().branch()
            result = await work(MemoryUnitOfWork(state, self._clock))
            self.state = state
            return result

    async def get(self, user_id: UUID) -> User:
        return _known(self._reach(), user_id)

    async def page(self, wanted: UserFilter, after: UUID | None, limit: int) -> Sequence[User]:
        found = [user for user in self._reach().users.values() if _matches(user, wanted) and (after is None or user.id > after)]
        return sorted(found, key=lambda user: user.id)[:limit]

    async def among(self, user_ids: Collection[UUID]) -> Sequence[User]:
        users = self._reach().users
        return [users[user_id] for user_id in sorted(user_ids) if user_id in users]

    async def generation(self) -> int:
        return self._reach().generation

    async def forget_requests(self, older_than_hours: float) -> int:
        requests = self._reach().requests
        now = self._clock.now()
        old = [key for key, (_, at) in requests.items() if (now - at).total_seconds() >= older_than_hours * 3600]
        for key in old:
            del requests[key]
        return len(old)

    def _reach(self) -> State:
        if self.is_down:
            raise Unavailable
        return self.state


class MemoryUnitOfWork:
    """A UnitOfWork on a copy of the state, which takes the state's place when the work is done."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def now(self) -> datetime:
        return self._clock.now()

    async def find(self, user_id: UUID) -> User:
        return _known(self._state, user_id)

    async def add(self, user: User) -> None:
        self._state.store(user)

    async def save(self, user: User) -> None:
        if _known(self._state, user.id).version != user.version - 1:
            raise StaleVersion
        self._state.store(user)

    async def remember(self, request: Request, user: User) -> Remembered | None:
        made = Remembered(request.digest, user)
        earlier, _ = self._state.requests.setdefault((request.caller, request.id), (made, self._clock.now()))
        return None if earlier is made else earlier

    async def grow_generation(self) -> int:
        self._state.generation += 1
        return self._state.generation


class MemoryUserCache:
    """A UserCache. `is_down` takes it out of reach; several with one dictionary are what several processes see of it."""

    def __init__(self, kept: dict[UUID, "Entry"] | None = None) -> None:
        self.is_down = False
        self._generation: int | None = None
        self._kept = {} if kept is None else kept

    @property
    def generation(self) -> int | None:
        return self._generation

    def learn(self, generation: int) -> None:
        self._generation = max(generation, self._generation or 0)

    async def get(self, user_id: UUID) -> User | None:
        entry = self._kept.get(user_id)
        if self.is_down or self._generation is None or entry is None or entry.generation < self._generation:
            return None
        return entry.user

    async def put(self, user: User, generation: int | None) -> None:
        if not self.is_down and generation is not None:
            self._keep(user.id, Entry(user.version, generation, user))

    async def announce(self, user_id: UUID, version: int) -> bool:
        if self.is_down:
            return False
        self._keep(user_id, Entry(version, 0, None))
        return True

    def _keep(self, user_id: UUID, entry: "Entry") -> None:
        kept = self._kept.get(user_id)
        if kept is None or kept.version <= entry.version:
            self._kept[user_id] = entry


class Entry(NamedTuple):
    """What the cache keeps of one user; without the user it is an announcement."""

    version: int
    generation: int
    user: User | None


def _known(state: State, user_id: UUID) -> User:
    if user_id not in state.users:
        raise UserNotFound
    return state.users[user_id]


def _names(user: User) -> list[tuple[str, str]]:
    """What no other user may have meanwhile."""
    if user.deleted_at is not None:
        return []
    profile = user.profile
    return [("email", email_key(profile.email)), *([("external_id", profile.external_id)] if profile.external_id else [])]


def _matches(user: User, wanted: UserFilter) -> bool:
    profile = user.profile
    return (
        (wanted.show_deleted or user.deleted_at is None)
        and wanted.timezone in ("", profile.timezone)
        and wanted.email_key in ("", email_key(profile.email))
        and wanted.external_id in ("", profile.external_id)
        and (not wanted.day or any(str(date)[-5:] == wanted.day for name, date in profile.dates.items() if name in wanted.dates))
    )
