from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from user_service.domain import User
from user_service.filters import UserFilter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """A create that may be sent again: whose it is, the id they chose, and a digest of what it asks for."""

    caller: str
    id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Remembered:
    """An earlier request of the same caller and id, and the user it made, as it was then."""

    digest: bytes
    user: User


class UnitOfWork(Protocol):
    """Changes that happen together or not at all. Every change of a user carries its event with it."""

    async def now(self) -> datetime:
        """The instant of the unit by the store's clock, moved by the offset of a rehearsal; not before the user was found."""

    async def find(self, user_id: UUID) -> User:
        """The user, locked against other writers until the unit of work ends. Raises UserNotFound."""

    async def add(self, user: User) -> None:
        """Store a new user and its event. Raises EmailTaken or ExternalIdTaken, or both in one, at the latest when the unit ends."""

    async def save(self, user: User) -> None:
        """Store the next version of a user and its event.

        Raises StaleVersion unless the version before it is stored, else as `add` does.
        """

    async def remember(self, request: Request, user: User) -> Remembered | None:
        """Remember that the request made this user; or, if it was remembered before, change nothing and return what it made then.

        Of two units of work with one request the second waits for the end of the first.
        """

    async def grow_generation(self) -> int:
        """Make all cached users void for those who learn of it, and return the new generation."""


class UserStore(Protocol):
    """The truth about users. Every method raises Unavailable when the store cannot be reached."""

    async def transact(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        """Run `work` as one unit and commit it; an exception undoes it.

        After a deadlock it is run again: what it does outside of the unit must be harmless when repeated.
        """

    async def get(self, user_id: UUID) -> User:
        """The user, a deleted one too, as of its latest commit. Raises UserNotFound."""

    async def page(self, wanted: UserFilter, after: UUID | None, limit: int) -> Sequence[User]:
        """At most `limit` users of the filter, in the order of their ids, beginning after an id."""

    async def among(self, user_ids: Collection[UUID]) -> Sequence[User]:
        """Those of these users that exist, deleted ones too, in the order of their ids."""

    async def generation(self) -> int:
        """The generation of the cache: see UserCache."""

    async def forget_requests(self, older_than_hours: float) -> int:
        """Forget requests remembered longer ago, and return how many."""


class UserCache(Protocol):
    """Users at hand, without asking the store. It never raises and never waits long: out of reach, it is as if empty.

    How it stays right. Before a change commits, the writer *announces* its version: from then on older versions are neither given out nor
    taken in, whatever happens to the writer. If the cache cannot be reached for that, the change grows the *generation* in its own
    transaction; an entry is given out only if it was read from the store when its reader knew the present generation, so a cache that comes
    back with old content is not believed. A process learns of a generation by its own changes, and else within a poll of the store: that
    is how long, after a change whose writer could not reach the cache, another process that can may give out the version before. While
    the store cannot be reached nobody changes a user, and what is cached stays true.
    """

    @property
    def generation(self) -> int | None:
        """The generation known to this process; None before the first poll: the cache is not used."""

    def learn(self, generation: int) -> None:
        """Take note of a committed generation; an older one than known is passed over."""

    def get(self, user_id: UUID) -> Awaitable[User | None]:
        """The cached user, if there is one of the present generation."""

    def put(self, user: User, generation: int | None) -> Awaitable[None]:
        """Keep a user, unless a newer version is kept or announced. `generation` was known before the user was read or written."""

    def announce(self, user_id: UUID, version: int) -> Awaitable[bool]:
        """Refuse versions below this one from now on. False if the cache cannot be reached."""
