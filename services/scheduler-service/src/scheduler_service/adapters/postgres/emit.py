"""The statements of *emit*: claim, read, mark. Ids are 16 bytes and instants are Unix microseconds throughout."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler_service.adapters.postgres.ways import BY_IDS, EARLIEST_FIRST
from scheduler_service.ports import Addressee, Claimed, DueMessage, Queued, local_date
from servicekit.postgres import IntArray, TextArray, UuidArray, binary_cursor, raw, transaction

# The initplan reads the clock once, so that the index on send_at serves; NOT IN is hashed once for the whole batch.
# Nothing here waits for a lock: what an edit or another replica holds is left for the next look.
_MESSAGES = """
WITH clock AS MATERIALIZED (SELECT clock_timestamp() + make_interval(secs => %(offset)s) AS at)
SELECT m.id, m.user_id, m.kind, m.revision, m.due_at, m.late_until_at, m.expires_at, m.variant, m.unsure, m.replay, m.timezone,
       o.year, o.month, o.day, (SELECT at FROM clock)
FROM messages m JOIN occasions o ON o.user_id = m.user_id AND o.kind = m.kind
"""

_CLAIM = (
    _MESSAGES
    + """
WHERE m.state IN ('SCHEDULED', 'RETRYING')
  AND m.send_at <= (SELECT at FROM clock)
  AND m.expires_at > (SELECT at FROM clock)
  AND m.local_date BETWEEN (SELECT at FROM clock)::date - %(days_back)s AND (SELECT at FROM clock)::date + 2
  AND (o.slot_year IS NULL OR o.slot_message_id = m.id OR o.slot_year < extract(year FROM m.local_date))
  AND (m.user_id, m.kind) NOT IN (SELECT q.user_id, q.kind FROM messages q WHERE q.asked_revision > 0)
ORDER BY m.send_at
LIMIT %(limit)s
FOR UPDATE OF m, o SKIP LOCKED
"""
)

_CLAIM_AGAIN = (
    _MESSAGES
    + """
WHERE m.id = ANY(%(ids)s::uuid[]) AND m.local_date BETWEEN %(first)s AND %(last)s AND m.state = 'QUEUED'
FOR UPDATE OF m SKIP LOCKED
"""
)

# A statement of its own: joined to the claim it could pair the new revision with the old address.
_ADDRESSEES = "SELECT user_id, email, first_name, last_name, locale FROM recipients WHERE user_id = ANY(%s::uuid[])"

_TAKE_SLOTS = """
UPDATE occasions o SET slot_year = u.year, slot_message_id = u.id
FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::int[]) AS u(user_id, kind, id, year)
WHERE o.user_id = u.user_id AND o.user_id = ANY(%s::uuid[]) AND o.kind = u.kind AND o.slot_message_id IS DISTINCT FROM u.id
"""

_MARK = """
UPDATE messages m SET state = 'QUEUED', variant = u.variant, queued_at = clock.at, updated_at = clock.at
FROM unnest(%s::uuid[], %s::text[]) AS u(id, variant), (SELECT clock_timestamp() + make_interval(secs => %s) AS at) AS clock
WHERE m.id = u.id AND m.id = ANY(%s::uuid[]) AND m.local_date BETWEEN %s AND %s
"""

_QUEUED = """
SELECT queued_at, id, user_id FROM messages
WHERE state = 'QUEUED' AND queued_at < (SELECT clock_timestamp() + make_interval(secs => %s)) - %s
  AND (queued_at, id) > (to_timestamp(%s::double precision / 1e6), %s::uuid)
ORDER BY queued_at, id LIMIT %s
"""

_MARK_AGAIN = """
UPDATE messages SET queued_at = clock_timestamp() + make_interval(secs => %s)
WHERE id = ANY(%s::uuid[]) AND local_date BETWEEN %s AND %s
"""

_NEXT = """
SELECT send_at FROM messages
WHERE state IN ('SCHEDULED', 'RETRYING') AND send_at > to_timestamp(%s::double precision / 1e6)
ORDER BY send_at LIMIT 1
"""


@asynccontextmanager
async def emission(engine: AsyncEngine, offset_seconds: float, days_back: int) -> AsyncIterator["PostgresEmission"]:
    """The Emission port in a new transaction. `days_back` bounds how long before today a message's local date may lie."""
    async with transaction(engine) as connection:
        yield PostgresEmission(await raw(connection), offset_seconds, days_back)


class PostgresEmission:
    """The Emission port over one connection."""

    def __init__(self, connection: AsyncConnection[Any], offset_seconds: float, days_back: int) -> None:
        self._connection = connection
        self._offset = offset_seconds
        self._days_back = days_back

    async def claim_due(self, limit: int) -> Claimed:
        await self._connection.execute(EARLIEST_FIRST)
        cursor = binary_cursor(self._connection)
        await cursor.execute(_CLAIM, {"offset": self._offset, "limit": limit, "days_back": self._days_back})
        return _claimed(await cursor.fetchall())

    async def addressees(self, user_ids: Sequence[bytes]) -> dict[bytes, Addressee]:
        cursor = binary_cursor(self._connection)
        await cursor.execute(_ADDRESSEES, [UuidArray(user_ids)])
        return {row[0]: Addressee(*row[1:]) for row in await cursor.fetchall()}

    async def mark_queued(self, messages: Sequence[tuple[DueMessage, str]]) -> None:
        due = [message for message, _ in messages]
        days = [message.local_date for message in due]
        ids = UuidArray([message.id for message in due])
        users = UuidArray([message.user_id for message in due])
        kinds = TextArray([message.kind for message in due])
        variants = TextArray([variant for _, variant in messages])
        await self._connection.execute(BY_IDS)
        cursor = binary_cursor(self._connection)
        await cursor.execute(_TAKE_SLOTS, [users, kinds, ids, IntArray([day.year for day in days]), users])
        await cursor.execute(_MARK, [ids, variants, self._offset, ids, min(days), max(days)])

    async def next_due(self, after: int) -> int | None:
        cursor = binary_cursor(self._connection)
        await cursor.execute(_NEXT, [after])
        return next(chain.from_iterable(await cursor.fetchall()), None)

    async def queued(self, age: timedelta, after: Queued | None, limit: int) -> list[Queued]:
        cursor = binary_cursor(self._connection)
        await cursor.execute(
            _QUEUED, [self._offset, age, after.queued_at if after else 0, UUID(bytes=after.id if after else bytes(16)), limit]
        )
        return [Queued(*row) for row in await cursor.fetchall()]

    async def claim_again(self, message_ids: Sequence[bytes]) -> Claimed:
        days = [local_date(message_id) for message_id in message_ids]
        cursor = binary_cursor(self._connection)
        bounds = {"first": min(days), "last": max(days)}
        await cursor.execute(_CLAIM_AGAIN, {"offset": self._offset, "ids": UuidArray(message_ids)} | bounds)
        return _claimed(await cursor.fetchall())

    async def mark_again(self, message_ids: Sequence[bytes]) -> None:
        days = [local_date(message_id) for message_id in message_ids]
        cursor = binary_cursor(self._connection)
        await cursor.execute(_MARK_AGAIN, [self._offset, UuidArray(message_ids), min(days), max(days)])


def _claimed(rows: Sequence[Sequence[Any]]) -> Claimed:
    return Claimed(rows[0][-1] if rows else 0, [DueMessage(*row[:-1]) for row in rows])
