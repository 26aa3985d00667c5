"""What the plan was made by, and what changes when that does."""

from collections.abc import Collection, Sequence
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection

from scheduler_service.adapters.questions import question
from scheduler_service.domain import Basis
from servicekit.outbox import Outbox
from servicekit.postgres import database_now, microseconds, raw

# The table's lock, not the row's: before the first plan there is no row.
_LOCK = "LOCK TABLE plan_basis IN SHARE ROW EXCLUSIVE MODE"
_READ = "SELECT epoch, tzdata_version, kinds FROM plan_basis"
_ADOPT = """
INSERT INTO plan_basis (epoch, tzdata_version, kinds, adopted_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (single) DO UPDATE
SET epoch = excluded.epoch, tzdata_version = excluded.tzdata_version, kinds = excluded.kinds, adopted_at = excluded.adopted_at
"""

_LOCK_SLOTS = """
SELECT o.user_id FROM occasions o
WHERE o.kind = ANY(%(kinds)s)
  AND (o.active OR EXISTS (SELECT FROM messages m WHERE m.user_id = o.user_id AND m.kind = o.kind AND m.state = ANY(%(open)s)))
ORDER BY o.user_id, o.kind FOR UPDATE
"""
_DEACTIVATE = "UPDATE occasions SET active = false WHERE kind = ANY(%(kinds)s) AND active"
# Waiting and unsure: a person decides. On its way, or due: the ledger is asked, and its answer ends the message.
_WITHDRAW = """
WITH open AS MATERIALIZED (
    SELECT id, local_date, state = 'QUEUED' OR send_at <= %(now)s AS come FROM messages
    WHERE kind = ANY(%(kinds)s) AND state = ANY(%(open)s) ORDER BY id FOR UPDATE
)
UPDATE messages m
SET state = CASE WHEN m.unsure AND NOT open.come THEN 'UNCERTAIN' ELSE 'CANCELLED' END, revision = m.revision + 1,
    asked_revision = CASE WHEN open.come THEN m.revision ELSE m.asked_revision END,
    asked_at = CASE WHEN open.come THEN %(now)s ELSE m.asked_at END,
    reason = 'kind_removed', updated_at = %(now)s
FROM open
WHERE m.id = open.id AND m.local_date = open.local_date
RETURNING m.id, m.user_id, m.revision - 1, open.come, m.state = 'CANCELLED' AND m.asked_revision = 0
"""
_FREE = (
    "UPDATE occasions SET slot_year = NULL, slot_message_id = NULL WHERE slot_message_id = ANY(%s::uuid[]) AND user_id = ANY(%s::uuid[])"
)

_OPEN = ["SCHEDULED", "QUEUED", "RETRYING"]


class PostgresBasisUnit:
    """The BasisUnit port over one transaction."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox, offset_seconds: float) -> None:
        self._connection = connection
        self._outbox = outbox
        self._offset = offset_seconds

    async def basis(self) -> Basis | None:
        psycopg = await raw(self._connection)
        await psycopg.execute(_LOCK)
        row = await (await psycopg.execute(_READ)).fetchone()
        return Basis(*row) if row else None

    async def withdraw_kinds(self, kinds: Collection[str]) -> int:
        psycopg = await raw(self._connection)
        parameters = {"kinds": list(kinds), "open": _OPEN}
        await psycopg.execute(_LOCK_SLOTS, parameters)
        await psycopg.execute(_DEACTIVATE, parameters)
        now = await database_now(self._connection, self._offset)
        rows = await (await psycopg.execute(_WITHDRAW, parameters | {"now": now})).fetchall()
        await self._free([row for row in rows if row[4]])
        asked = [question(row[0].bytes, row[2], row[1].bytes, microseconds(now)) for row in rows if row[3]]
        if asked:
            await self._outbox.add(self._connection, asked)
        return len(rows)

    async def adopt(self, basis: Basis) -> None:
        now = await database_now(self._connection, self._offset)
        await (await raw(self._connection)).execute(_ADOPT, [basis.epoch, basis.tzdata_version, Jsonb(basis.kinds), now])

    async def _free(self, rows: Sequence[tuple[Any, ...]]) -> None:
        await (await raw(self._connection)).execute(_FREE, [[row[0] for row in rows], [row[1] for row in rows]])
