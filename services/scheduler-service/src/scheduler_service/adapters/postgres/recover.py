"""The statements of *recover*: end what is past its budget, repeat unanswered questions."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from scheduler_service.adapters.questions import question
from servicekit.kafka import Record
from servicekit.outbox import Outbox
from servicekit.postgres import binary_cursor, raw, transaction

# `asked_revision` is the one that may be on its way; the slot stays held until the ledger has answered.
_EXPIRE = """
WITH gone AS (
    SELECT m.id, m.local_date
    FROM messages m JOIN occasions o ON o.user_id = m.user_id AND o.kind = m.kind
    WHERE m.state IN ('SCHEDULED', 'RETRYING')
      AND m.send_at <= (SELECT clock_timestamp() + make_interval(secs => %(offset)s))
      AND m.expires_at <= (SELECT clock_timestamp() + make_interval(secs => %(offset)s))
    ORDER BY m.send_at LIMIT %(limit)s FOR UPDATE OF m, o SKIP LOCKED
)
UPDATE messages m
SET state = 'EXPIRED', asked_revision = m.revision, revision = m.revision + 1, reason = 'past_budget',
    asked_at = clock.at, updated_at = clock.at
FROM gone, (SELECT clock_timestamp() + make_interval(secs => %(offset)s) AS at) AS clock
WHERE m.id = gone.id AND m.local_date = gone.local_date
RETURNING m.id, m.user_id, m.asked_revision, clock.at
"""

_ASK_AGAIN = """
WITH unanswered AS (
    SELECT id, local_date FROM messages
    WHERE asked_revision > 0 AND asked_at < (SELECT clock_timestamp() + make_interval(secs => %(offset)s)) - %(age)s
    ORDER BY asked_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE messages m SET asked_at = clock.at
FROM unanswered u, (SELECT clock_timestamp() + make_interval(secs => %(offset)s) AS at) AS clock
WHERE m.id = u.id AND m.local_date = u.local_date
RETURNING m.id, m.user_id, m.asked_revision, clock.at
"""

_OVERDUE = """
SELECT count(*) FROM messages
WHERE state IN ('SCHEDULED', 'RETRYING') AND send_at < (SELECT clock_timestamp() + make_interval(secs => %s)) - %s
"""


@asynccontextmanager
async def recovery(engine: AsyncEngine, outbox: Outbox, offset_seconds: float) -> AsyncIterator["PostgresRecovery"]:
    """The Recovery port in a new transaction."""
    async with transaction(engine) as connection:
        yield PostgresRecovery(connection, outbox, offset_seconds)


class PostgresRecovery:
    """The Recovery port over one connection."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox, offset_seconds: float) -> None:
        self._connection = connection
        self._outbox = outbox
        self._offset = offset_seconds

    async def expire(self, limit: int) -> int:
        return await self._ask(_EXPIRE, {"limit": limit})

    async def ask_again(self, asked_before: timedelta, limit: int) -> int:
        return await self._ask(_ASK_AGAIN, {"age": asked_before, "limit": limit})

    async def overdue(self, by: timedelta) -> int:
        [row] = await self._fetch(_OVERDUE, [self._offset, by])
        return int(row[0])

    async def _ask(self, statement: str, parameters: dict[str, Any]) -> int:
        rows = await self._fetch(statement, parameters | {"offset": self._offset})
        await self._outbox.add(self._connection, _questions(rows))
        return len(rows)

    async def _fetch(self, statement: str, parameters: Any) -> list[tuple[Any, ...]]:
        cursor = binary_cursor(await raw(self._connection))
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


def _questions(rows: Sequence[Sequence[Any]]) -> list[Record]:
    return [question(message_id, revision, user_id, at) for message_id, user_id, revision, at in rows]
