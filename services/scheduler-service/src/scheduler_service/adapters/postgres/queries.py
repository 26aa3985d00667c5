"""Reading the plan, page by page, and planning again what has ended."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from occasions.identity import digits_of, local_date_of
from scheduler_service.adapters.postgres import messages
from scheduler_service.adapters.postgres.ways import IN_ORDER
from scheduler_service.domain import OPEN, Action, Message, MessageFilter, Replan, ReplanAction, State
from scheduler_service.domain.replays import refusal
from servicekit.postgres import database_now, raw, retrying, transaction

_MESSAGE = f"SELECT {messages.COLUMNS} FROM messages WHERE id = %s AND local_date = %s"

# Each condition that is asked for, and no other: a plan for all of them at once could prune nothing. Ids begin with their local date,
# so that their order is the list's, and the primary key serves it.
_CONDITIONS = {
    "user_id": "user_id = %(user_id)s",
    "state": "state = '{state}'",  # written out, that the partial indexes of rare states serve
    "local_date": "local_date = %(local_date)s AND id BETWEEN %(first_id)s AND %(last_id)s",
    "kind": "kind = %(kind)s",
    "open_since": "local_date >= %(open_since)s AND id >= %(open_from_id)s",
    "after_date": "local_date <= %(after_date)s AND id < %(after_id)s",
}

_REPLANS = """
SELECT user_id, epoch, version, replanned_at, actions, errors FROM replans
WHERE user_id = %s AND (epoch, version) < (%s, %s)
ORDER BY epoch DESC, version DESC LIMIT %s
"""
_NEWEST = (2**31 - 1, 2**31 - 1)

_LOCK_SLOTS = """
SELECT o.user_id FROM occasions o
WHERE (o.user_id, o.kind) IN (SELECT m.user_id, m.kind FROM messages m WHERE m.id = ANY(%s::uuid[]) AND m.local_date BETWEEN %s AND %s)
ORDER BY o.user_id, o.kind FOR UPDATE
"""
_LOCK = """
SELECT m.id, m.state, m.expires_at, o.active, o.slot_message_id IS NULL OR o.slot_message_id = m.id
    OR o.slot_year < extract(year FROM m.local_date) AS free
FROM messages m JOIN occasions o ON o.user_id = m.user_id AND o.kind = m.kind
WHERE m.id = ANY(%s::uuid[]) AND m.local_date BETWEEN %s AND %s
ORDER BY m.id FOR UPDATE OF m
"""
_REPLAY = """
UPDATE messages SET state = 'SCHEDULED', revision = revision + 1, replay = replay + 1, attempts = 0, send_at = greatest(due_at, %(now)s),
    reason = 'replayed', updated_at = %(now)s
WHERE id = ANY(%(ids)s::uuid[]) AND local_date BETWEEN %(first)s AND %(last)s
"""


class PostgresQueries:
    """The Queries port. `open_days`: a message whose local date is longer past is at its end."""

    def __init__(self, engine: AsyncEngine, offset_seconds: float, open_days: int) -> None:
        self._engine = engine
        self._offset = offset_seconds
        self._open_days = timedelta(days=open_days)

    async def message(self, message_id: UUID) -> Message | None:
        rows = await self._fetch(_MESSAGE, [message_id, local_date_of(message_id)])
        return messages.message_of(rows[0]) if rows else None

    async def messages(self, wanted: MessageFilter, after: tuple[date, UUID] | None, limit: int) -> list[Message]:
        async with transaction(self._engine) as connection:
            open_since = (await database_now(connection, self._offset) - self._open_days).date()
            statement, parameters = list_statement(wanted, after, open_since)
            psycopg: AsyncConnection[Any] = await raw(connection)
            await psycopg.execute(IN_ORDER)
            rows = await (await psycopg.execute(statement, parameters | {"limit": limit})).fetchall()
        return [messages.message_of(row) for row in rows]

    async def replans(self, user_id: UUID, after: tuple[int, int] | None, limit: int) -> list[Replan]:
        return [_replan(row) for row in await self._fetch(_REPLANS, [user_id, *(after or _NEWEST), limit])]

    async def replay(self, message_ids: Sequence[UUID]) -> dict[UUID, str]:
        dates = [local_date_of(message_id) for message_id in message_ids]
        bounds = [list(message_ids), min(dates), max(dates)]
        return await retrying(self._engine, lambda connection: self._replay(connection, message_ids, bounds))

    async def _replay(self, connection: Any, message_ids: Sequence[UUID], bounds: list[Any]) -> dict[UUID, str]:
        psycopg = await raw(connection)
        await psycopg.execute(_LOCK_SLOTS, bounds)
        rows = await (await psycopg.execute(_LOCK, bounds)).fetchall()
        now = await database_now(connection, self._offset)
        refused = dict.fromkeys(message_ids, "there is no such message")
        refused |= {row[0]: refusal(State(row[1]), row[2], active=row[3], year_free=row[4], now=now) for row in rows}
        ids = [message_id for message_id, why in refused.items() if not why]
        await psycopg.execute(_REPLAY, {"ids": ids, "first": bounds[1], "last": bounds[2], "now": now})
        return {message_id: why for message_id, why in refused.items() if why}

    async def _fetch(self, statement: str, parameters: Any) -> list[tuple[Any, ...]]:
        async with transaction(self._engine) as connection:
            psycopg: AsyncConnection[Any] = await raw(connection)
            return await (await psycopg.execute(statement, parameters)).fetchall()


def list_statement(wanted: MessageFilter, after: tuple[date, UUID] | None, open_since: date) -> tuple[str, dict[str, Any]]:
    """The statement of one page, which lacks its limit."""
    given: dict[str, Any] = {
        "user_id": wanted.user_id,
        "state": wanted.state,
        "local_date": wanted.local_date,
        "kind": wanted.kind,
        "open_since": open_since if wanted.state in OPEN else None,
        "after_date": after and after[0],
    }
    conditions = [text.format(state=wanted.state) for name, text in _CONDITIONS.items() if given[name] is not None]
    where = " AND ".join(["true", *conditions])
    day = wanted.local_date or open_since
    ids = {"first_id": _first_id(day), "last_id": _last_id(day), "open_from_id": _first_id(open_since), "after_id": after and after[1]}
    statement = f"SELECT {messages.COLUMNS} FROM messages WHERE {where} ORDER BY id DESC LIMIT %(limit)s"
    return statement, given | ids


def _first_id(day: date) -> UUID:
    return UUID(digits_of(day) + "0" * 24)


def _last_id(day: date) -> UUID:
    return UUID(digits_of(day) + "f" * 24)


def _replan(row: Sequence[Any]) -> Replan:
    user_id, epoch, version, replanned_at, actions, errors = row
    done = [ReplanAction(UUID(a[0]), a[1], date.fromisoformat(a[2]), Action(a[3]), a[4]) for a in actions]
    return Replan(user_id, epoch, version, replanned_at, done, errors)
