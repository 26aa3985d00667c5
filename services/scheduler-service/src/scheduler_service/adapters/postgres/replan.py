"""Changes of users, taken in: a few statements for a batch of any size."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from scheduler_service.adapters.postgres import messages, recipients
from scheduler_service.adapters.postgres.ways import BY_ROW
from scheduler_service.adapters.questions import question
from scheduler_service.domain import Change, Message, Question, Recipient, Replan, Slot
from scheduler_service.ports import Offsets
from servicekit.kafka import Record
from servicekit.outbox import Outbox
from servicekit.postgres import database_now, microseconds, raw, retrying, transaction

T = TypeVar("T")

_LOCK_MESSAGES = f"""
SELECT {messages.COLUMNS} FROM messages
WHERE user_id = ANY(%s::uuid[]) AND local_date >= %s
ORDER BY id FOR UPDATE
"""

# Holders of a year from before the usual window, sent or in doubt. Their dates prune.
_LOCK_HELD = f"""
SELECT {messages.COLUMNS} FROM messages
WHERE id = ANY(%s::uuid[]) AND local_date BETWEEN %s AND %s AND local_date < %s
ORDER BY id FOR UPDATE
"""

_NOTE = """
INSERT INTO replans (user_id, epoch, version, replanned_at, actions, errors)
SELECT u.user_id, u.epoch, u.version, %s, u.actions, ARRAY(SELECT jsonb_array_elements_text(u.errors))
FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::jsonb[], %s::jsonb[]) AS u(user_id, epoch, version, actions, errors)
ON CONFLICT DO NOTHING
"""

_STORE_OFFSETS = """
INSERT INTO consumer_offsets AS c (consumer, topic, partition, next_offset)
SELECT %s, * FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS u(topic, partition, next_offset)
ORDER BY u.topic, u.partition
ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = greatest(c.next_offset, excluded.next_offset)
"""

_STORED_OFFSETS = """
SELECT c.topic, c.partition, c.next_offset
FROM consumer_offsets c JOIN unnest(%s::text[], %s::int[]) AS u(topic, partition) USING (topic, partition)
WHERE c.consumer = %s
"""


class PostgresReplanStore:
    """The ReplanStore port."""

    def __init__(self, engine: AsyncEngine, outbox: Outbox, offset_seconds: float) -> None:
        self._engine = engine
        self._outbox = outbox
        self._offset = offset_seconds

    async def replan(self, work: Callable[["PostgresReplanUnit"], Awaitable[T]]) -> T:
        async def run(connection: AsyncConnection) -> T:
            await (await raw(connection)).execute(BY_ROW)
            return await work(PostgresReplanUnit(connection, self._outbox, self._offset))

        return await retrying(self._engine, run)

    async def stored_offsets(self, consumer: str, partitions: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        topics, numbers = [topic for topic, _ in partitions], [number for _, number in partitions]
        async with transaction(self._engine) as connection:
            cursor = await (await raw(connection)).execute(_STORED_OFFSETS, [topics, numbers, consumer])
            return {(topic, number): offset for topic, number, offset in await cursor.fetchall()}


class PostgresReplanUnit:
    """The ReplanUnit port over one transaction."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox, offset_seconds: float) -> None:
        self._connection = connection
        self._outbox = outbox
        self._offset = offset_seconds

    async def lock_recipients(self, user_ids: Collection[UUID]) -> dict[UUID, Recipient]:
        return await recipients.lock(await raw(self._connection), user_ids)

    async def lock_slots(self, user_ids: Collection[UUID]) -> dict[UUID, dict[str, Slot]]:
        return await recipients.lock_slots(await raw(self._connection), user_ids)

    async def lock_messages(self, user_ids: Collection[UUID], since: date, held: Collection[UUID]) -> dict[UUID, list[Message]]:
        rows = await self._fetch(_LOCK_MESSAGES, [list(user_ids), since])
        if held:
            # Ids begin with their date: the first and the last bound it.
            days = [date.fromisoformat(identity.hex[:8]) for identity in held]
            rows += await self._fetch(_LOCK_HELD, [sorted(held), min(days), max(days), since])
        by_user: dict[UUID, list[Message]] = {}
        for row in rows:
            by_user.setdefault(row[1], []).append(messages.message_of(row))
        return by_user

    async def now(self) -> datetime:
        return await database_now(self._connection, self._offset)

    async def save(self, changes: Sequence[Change], now: datetime) -> None:
        if not changes:
            return
        psycopg = await raw(self._connection)
        await recipients.save(psycopg, [change.recipient for change in changes])
        await recipients.save_slots(psycopg, [slot for change in changes for slot in change.slots])
        planned = [message for change in changes for message in change.planned]
        await messages.write(psycopg, planned, [message for change in changes for message in change.changed], now)
        asked = [_record(asked, now) for change in changes for asked in change.questions]
        if asked:
            await self._outbox.add(self._connection, asked)
        await psycopg.execute(_NOTE, [now, *_notes([change.replan(now) for change in changes])])

    async def store_offsets(self, consumer: str, offsets: Offsets) -> None:
        topics, numbers = [topic for topic, _ in offsets], [number for _, number in offsets]
        await (await raw(self._connection)).execute(_STORE_OFFSETS, [consumer, topics, numbers, list(offsets.values())])

    async def _fetch(self, statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        cursor = await (await raw(self._connection)).execute(statement, parameters)
        return await cursor.fetchall()


def _record(asked: Question, now: datetime) -> Record:
    return question(asked.message_id.bytes, asked.revision, asked.user_id.bytes, microseconds(now))


def _notes(replans: Sequence[Replan]) -> list[Any]:
    actions = [
        [[str(a.message_id), a.kind, a.local_date.isoformat(), str(a.action), str(a.reason)] for a in replan.actions] for replan in replans
    ]
    return [
        [replan.user_id for replan in replans],
        [replan.epoch for replan in replans],
        [replan.version for replan in replans],
        [Jsonb(done) for done in actions],
        [Jsonb(list(replan.errors)) for replan in replans],
    ]
