from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Delete, Executable, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from heyday.user.v1.user_changed_pb2 import UserChanged
from servicekit.errors import AlreadyExists
from servicekit.kafka import Record, traceparent
from servicekit.outbox import Outbox
from servicekit.postgres import database_now, retrying, transaction, violated_constraint
from user_service import wire
from user_service.adapters.postgres.listing import among, listing
from user_service.adapters.postgres.tables import cache_generation, requests, to_row, to_user, users
from user_service.domain import EmailAndExternalIdTaken, EmailTaken, ExternalIdTaken, StaleVersion, User, UserNotFound
from user_service.filters import UserFilter
from user_service.ports import Remembered, Request, UnitOfWork

T = TypeVar("T")

# Built once: building and hashing a statement costs more than sending it.
_GET = select(users).where(users.c.id == bindparam("user_id"))
_FIND = select(users, func.clock_timestamp().label("now")).where(users.c.id == bindparam("user_id")).with_for_update()
_ADD = insert(users)
_SAVE = (
    update(users)
    .where(users.c.id == bindparam("user_id"), users.c.version == bindparam("version_before"))
    .values({column.name: bindparam(column.name) for column in users.c if column.name not in {"id", "created_at"}})
)

_TAKEN = {"users_live_email_key": EmailTaken, "users_live_external_id": ExternalIdTaken}
_OTHERS = select(users.c.email_key, users.c.external_id).where(
    users.c.deleted_at.is_(None),
    users.c.id != bindparam("id"),
    or_(users.c.email_key == bindparam("email_key"), users.c.external_id == bindparam("external_id")),
)


@dataclass(frozen=True, slots=True)
class Events:
    """How changes are told of: through which outbox, on which topic, as of which incarnation of this database."""

    outbox: Outbox
    topic: str
    epoch: int


class PostgresUserStore:
    """A UserStore in the tables of `tables`."""

    def __init__(self, engine: AsyncEngine, events: Events, *, clock_offset: timedelta) -> None:
        self._engine = engine
        self._events = events
        self._clock_offset = clock_offset

    async def transact(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        try:
            return await retrying(self._engine, lambda connection: work(PostgresUnitOfWork(connection, self._events, self._clock_offset)))
        except _Taken as refused:
            raise await self._all_that_is_taken(refused) from None

    async def get(self, user_id: UUID) -> User:
        found = await self._users(_GET, {"user_id": user_id})
        if not found:
            raise UserNotFound
        return found[0]

    async def page(self, wanted: UserFilter, after: UUID | None, limit: int) -> Sequence[User]:
        return await self._users(listing(wanted, after, limit))

    async def among(self, user_ids: Collection[UUID]) -> Sequence[User]:
        return await self._users(among(user_ids))

    async def generation(self) -> int:
        async with transaction(self._engine) as connection:
            return int((await connection.execute(select(cache_generation.c.generation))).scalar_one())

    async def forget_requests(self, older_than_hours: float) -> int:
        async with transaction(self._engine) as connection:
            return (await connection.execute(forgetting(older_than_hours))).rowcount

    async def _all_that_is_taken(self, refused: "_Taken") -> AlreadyExists:
        """Postgres names the first index that refuses a row; a person wants to hear of both at once."""
        values = {name: refused.row[name] for name in ("id", "email_key", "external_id")}
        async with transaction(self._engine) as connection:
            others = list(await connection.execute(_OTHERS, values))
        emails, external_ids = {other.email_key for other in others}, {other.external_id for other in others}
        if values["email_key"] in emails and values["external_id"] in external_ids - {None}:
            return EmailAndExternalIdTaken()
        return refused.first

    async def _users(self, statement: Executable, values: dict[str, UUID] | None = None) -> list[User]:
        async with transaction(self._engine) as connection:
            return [to_user(row) for row in await connection.execute(statement, values)]


def forgetting(older_than_hours: float) -> Delete:
    # Not clock_timestamp(): it may change from row to row, and so no index could be used.
    return delete(requests).where(requests.c.created_at < func.now() - timedelta(hours=older_than_hours))


class _Taken(Exception):
    """A row was refused by one of the unique indices."""

    def __init__(self, first: AlreadyExists, row: dict[str, Any]) -> None:
        super().__init__()
        self.first = first
        self.row = row


class PostgresUnitOfWork:
    """A UnitOfWork on a connection in a transaction."""

    def __init__(self, connection: AsyncConnection, events: Events, clock_offset: timedelta) -> None:
        self._connection = connection
        self._events = events
        self._clock_offset = clock_offset
        self._now: datetime | None = None

    async def now(self) -> datetime:
        if self._now is None:
            self._now = await database_now(self._connection, self._clock_offset.total_seconds())
        return self._now

    async def find(self, user_id: UUID) -> User:
        # The outbox keeps a user's events in order because every writer of the user takes this lock first.
        row = (await self._connection.execute(_FIND, {"user_id": user_id})).one_or_none()
        if row is None:
            raise UserNotFound
        self._now = row.now + self._clock_offset
        return to_user(row)

    async def add(self, user: User) -> None:
        await self._write(_ADD, to_row(user))
        await self._tell(user)

    async def save(self, user: User) -> None:
        if not await self._write(_SAVE, {**to_row(user), "user_id": user.id, "version_before": user.version - 1}):
            raise StaleVersion
        await self._tell(user)

    async def remember(self, request: Request, user: User) -> Remembered | None:
        snapshot = wire.to_snapshot(user, self._events.epoch).SerializeToString()
        values = {"caller": request.caller, "request_id": request.id, "digest": request.digest, "user_id": user.id, "snapshot": snapshot}
        new = postgresql.insert(requests).values(**values, created_at=func.clock_timestamp()).on_conflict_do_nothing()
        if (await self._connection.execute(new.returning(requests.c.user_id))).one_or_none():
            return None
        same = (requests.c.caller == request.caller) & (requests.c.request_id == request.id)
        earlier = (await self._connection.execute(select(requests).where(same))).one_or_none()
        if earlier is None:  # forgotten between the two statements
            return await self.remember(request, user)
        return Remembered(earlier.digest, wire.from_snapshot(UserChanged.FromString(earlier.snapshot)))

    async def grow_generation(self) -> int:
        grown = update(cache_generation).values(generation=cache_generation.c.generation + 1).returning(cache_generation.c.generation)
        return int((await self._connection.execute(grown)).scalar_one())

    async def _write(self, statement: Executable, values: dict[str, Any]) -> int:
        try:
            return (await self._connection.execute(statement, values)).rowcount
        except IntegrityError as error:
            taken = _TAKEN.get(violated_constraint(error) or "")
            if taken is None:
                raise
            raise _Taken(taken(), values) from None

    async def _tell(self, user: User) -> None:
        snapshot = wire.to_snapshot(user, self._events.epoch, traceparent())
        record = Record(self._events.topic, user.id.bytes, snapshot.SerializeToString())
        await self._events.outbox.add(self._connection, [record])
