"""The statements that settle outcomes: one for the common case, and a locked read with a written change for all others."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection as SqlConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler_service.adapters.postgres.ways import BY_IDS
from scheduler_service.domain import State, Transition
from scheduler_service.outcomes import Outcome, Settlement, Slot, Standing
from scheduler_service.ports import Confirmed, OpenMessage, SettlementPlan, local_date
from servicekit.postgres import (
    BinaryCursor,
    BoolArray,
    IntArray,
    TextArray,
    TimestamptzArray,
    UuidArray,
    binary_cursor,
    instant,
    microseconds,
    raw,
    retrying,
)

T = TypeVar("T")

# Each statement names its rows by an array of ids, as BY_IDS demands. `state ||`: not by the index of all that is queued.
# Nobody is asking and the revision is the one on its way: the slot is this message's already, and the year has no other plan.
_CONFIRM = """
UPDATE messages m
SET state = 'SENT', attempts = u.attempt, provider = u.provider, provider_message_id = u.provider_message_id, sent_at = u.sent_at,
    unsure = m.unsure OR u.unsure, reason = '', updated_at = clock.at
FROM unnest(%(ids)s::uuid[], %(revisions)s::int[], %(attempts)s::int[], %(providers)s::text[], %(provider_ids)s::text[],
            %(sent)s::timestamptz[], %(unsure)s::bool[]) AS u(id, revision, attempt, provider, provider_message_id, sent_at, unsure),
     (SELECT clock_timestamp() + make_interval(secs => %(offset)s) AS at) AS clock
WHERE m.id = u.id AND m.id = ANY(%(ids)s::uuid[]) AND m.local_date BETWEEN %(first)s AND %(last)s
  AND m.state || '' = 'QUEUED' AND m.revision = u.revision AND m.asked_revision = 0
RETURNING m.id, m.kind, m.due_at, m.sent_at
"""

_OWNERS = "SELECT id, user_id, kind FROM messages WHERE id = ANY(%s::uuid[]) AND local_date BETWEEN %s AND %s"

_LOCK_SLOTS = """
SELECT o.user_id FROM occasions o JOIN unnest(%s::uuid[], %s::text[]) AS u(user_id, kind) USING (user_id, kind)
WHERE o.user_id = ANY(%s::uuid[])
ORDER BY o.user_id, o.kind FOR UPDATE OF o
"""

_LOCK_MESSAGES = """
SELECT id, user_id, kind, due_at, state, revision, send_at, expires_at, attempts, unsure, asked_revision, reason,
       clock_timestamp() + make_interval(secs => %s)
FROM messages WHERE id = ANY(%s::uuid[]) AND local_date BETWEEN %s AND %s
ORDER BY id FOR UPDATE
"""

_WRITE = """
UPDATE messages m
SET state = u.state, revision = u.revision, send_at = u.send_at, attempts = u.attempts, unsure = u.unsure,
    asked_revision = u.asked_revision, asked_at = CASE WHEN u.asked_revision = 0 THEN NULL ELSE m.asked_at END, reason = u.reason,
    provider = CASE WHEN u.sent_at IS NOT NULL AND m.sent_at IS NULL THEN u.provider ELSE m.provider END,
    provider_message_id = CASE WHEN u.sent_at IS NOT NULL AND m.sent_at IS NULL THEN u.provider_message_id ELSE m.provider_message_id END,
    sent_at = coalesce(m.sent_at, u.sent_at), updated_at = clock_timestamp() + make_interval(secs => %(offset)s)
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(revisions)s::int[], %(send)s::timestamptz[], %(attempts)s::int[], %(unsure)s::bool[],
            %(asked)s::int[], %(reasons)s::text[], %(providers)s::text[], %(provider_ids)s::text[], %(sent)s::timestamptz[])
     AS u(id, state, revision, send_at, attempts, unsure, asked_revision, reason, provider, provider_message_id, sent_at)
WHERE m.id = u.id AND m.id = ANY(%(ids)s::uuid[]) AND m.local_date BETWEEN %(first)s AND %(last)s
"""

_TAKE = """
UPDATE occasions o SET slot_year = u.year, slot_message_id = u.id
FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::int[]) AS u(user_id, kind, id, year)
WHERE o.user_id = u.user_id AND o.user_id = ANY(%s::uuid[]) AND o.kind = u.kind AND (o.slot_year IS NULL OR o.slot_year <= u.year)
"""

_FREE = """
UPDATE occasions o SET slot_year = NULL, slot_message_id = NULL
FROM unnest(%s::uuid[], %s::text[], %s::uuid[]) AS u(user_id, kind, id)
WHERE o.user_id = u.user_id AND o.user_id = ANY(%s::uuid[]) AND o.kind = u.kind AND o.slot_message_id = u.id
"""

# What was sent before a move reached it went out by the moments it had then, and shows them.
_AS_SENT = """
UPDATE messages m
SET due_at = p.due_at, late_until_at = p.late_until_at, expires_at = p.expires_at, timezone = p.timezone, tzdata_version = p.tzdata_version,
    zone_rule = p.zone_rule
FROM (
    SELECT moved.id, (
        SELECT e.value FROM jsonb_each(moved.moved_from) e WHERE e.key::int >= u.revision ORDER BY e.key::int LIMIT 1
    ) AS moments
    FROM messages moved JOIN unnest(%(ids)s::uuid[], %(revisions)s::int[]) AS u(id, revision) USING (id)
    WHERE moved.id = ANY(%(ids)s::uuid[]) AND moved.local_date BETWEEN %(first)s AND %(last)s AND moved.moved_from IS NOT NULL
) AS was, jsonb_populate_record(NULL::messages, was.moments) AS p
WHERE m.id = was.id AND m.id = ANY(%(ids)s::uuid[]) AND m.local_date BETWEEN %(first)s AND %(last)s AND was.moments IS NOT NULL
"""

_SUPPRESS_OTHERS = """
UPDATE messages m
SET state = 'SUPPRESSED', revision = m.revision + 1, reason = 'already_greeted', updated_at = clock_timestamp() + make_interval(secs => %s)
FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::date[]) AS u(user_id, kind, id, local_date)
WHERE m.user_id = u.user_id AND m.user_id = ANY(%s::uuid[]) AND m.kind = u.kind AND m.id <> u.id AND m.state IN ('SCHEDULED', 'RETRYING')
  AND (date_trunc('year', m.local_date) = date_trunc('year', u.local_date) OR abs(m.local_date - u.local_date) < %s)
"""


class PostgresSettlements:
    """The SettlementStore port. `greeting_gap_days`: no two greetings of a kind within so many days."""

    def __init__(self, engine: AsyncEngine, offset_seconds: float, greeting_gap_days: int) -> None:
        self._engine = engine
        self._offset = offset_seconds
        self._gap = greeting_gap_days

    async def settle(self, work: Callable[[SettlementPlan], Awaitable[T]]) -> T:
        async def in_transaction(connection: SqlConnection) -> T:
            driver = await raw(connection)
            await driver.execute(BY_IDS)
            return await work(PostgresSettlement(driver, self._offset, self._gap))

        return await retrying(self._engine, in_transaction)


class PostgresSettlement:
    """The SettlementPlan port over one connection."""

    def __init__(self, connection: AsyncConnection[Any], offset_seconds: float, greeting_gap_days: int) -> None:
        self._connection = connection
        self._offset = offset_seconds
        self._gap = greeting_gap_days

    async def confirm_sent(self, outcomes: Sequence[Outcome]) -> list[Confirmed]:
        cursor = binary_cursor(self._connection)
        await cursor.execute(_CONFIRM, _confirmed(outcomes) | {"offset": self._offset})
        return [Confirmed(*row) for row in await cursor.fetchall()]

    async def lock(self, message_ids: Sequence[UUID]) -> list[OpenMessage]:
        ids = sorted(message_id.bytes for message_id in message_ids)
        days = local_date(ids[0]), local_date(ids[-1])
        cursor = binary_cursor(self._connection)
        await cursor.execute(_OWNERS, [UuidArray(ids), *days])
        owners = await cursor.fetchall()
        users = UuidArray([row[1] for row in owners])
        await cursor.execute(_LOCK_SLOTS, [users, [row[2] for row in owners], users])
        await cursor.execute(_LOCK_MESSAGES, [self._offset, UuidArray(ids), *days])
        return [_open_message(row) for row in await cursor.fetchall()]

    async def write(self, settled: Sequence[tuple[OpenMessage, Outcome, Settlement]]) -> None:
        if not settled:
            return
        cursor = binary_cursor(self._connection)
        await cursor.execute(_WRITE, _written(settled) | {"offset": self._offset})
        for slot, statement in ((Slot.TAKE, _TAKE), (Slot.FREE, _FREE)):
            messages = [message for message, _, settlement in settled if settlement.slot is slot]
            if messages:
                years = [[local_date(m.id.bytes).year for m in messages]] if slot is Slot.TAKE else []
                await cursor.execute(statement, [*_slots(messages), *years, _users(messages)])
        if sent := [(message, outcome) for message, outcome, settlement in settled if settlement.transition is Transition.SENT]:
            await self._note_sent(cursor, sent)

    async def _note_sent(self, cursor: BinaryCursor, sent: Sequence[tuple[OpenMessage, Outcome]]) -> None:
        greeted = [message for message, _ in sent]
        dates = [local_date(m.id.bytes) for m in greeted]
        ids, revisions = UuidArray([m.id.bytes for m in greeted]), IntArray([outcome.revision for _, outcome in sent])
        await cursor.execute(_AS_SENT, {"ids": ids, "revisions": revisions, "first": min(dates), "last": max(dates)})
        await cursor.execute(_SUPPRESS_OTHERS, [self._offset, *_slots(greeted), dates, _users(greeted), self._gap])


def _confirmed(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    ordered = sorted(outcomes, key=lambda outcome: outcome.message_id.bytes)
    return {
        "ids": UuidArray([o.message_id.bytes for o in ordered]),
        "revisions": IntArray([o.revision for o in ordered]),
        "attempts": IntArray([o.attempt for o in ordered]),
        "providers": TextArray([o.provider for o in ordered]),
        "provider_ids": TextArray([o.provider_message_id for o in ordered]),
        "sent": TimestamptzArray([microseconds(o.sent_at) for o in ordered if o.sent_at]),
        "unsure": BoolArray([o.unsure for o in ordered]),
        "first": local_date(ordered[0].message_id.bytes),
        "last": local_date(ordered[-1].message_id.bytes),
    }


def _open_message(row: Sequence[Any]) -> OpenMessage:
    message_id, user_id, kind, due_at, state, revision, send_at, expires_at, attempts, unsure, asked, reason, now = row
    standing = Standing(State(state), revision, instant(send_at), instant(expires_at), attempts, unsure, asked, reason)
    return OpenMessage(UUID(bytes=message_id), UUID(bytes=user_id), kind, instant(due_at), standing, instant(now))


def _written(settled: Sequence[tuple[OpenMessage, Outcome, Settlement]]) -> dict[str, Any]:
    stands = [settlement.standing for _, _, settlement in settled]
    outcomes = [outcome for _, outcome, _ in settled]
    days = [local_date(message.id.bytes) for message, _, _ in settled]
    return {
        "ids": UuidArray([message.id.bytes for message, _, _ in settled]),
        "states": [str(s.state) for s in stands],
        "revisions": [s.revision for s in stands],
        "send": TimestamptzArray([microseconds(s.send_at) for s in stands]),
        "attempts": [s.attempts for s in stands],
        "unsure": [s.unsure for s in stands],
        "asked": [s.asked_revision for s in stands],
        "reasons": [s.reason for s in stands],
        "providers": [o.provider for o in outcomes],
        "provider_ids": [o.provider_message_id for o in outcomes],
        "sent": [o.sent_at for o in outcomes],
        "first": min(days),
        "last": max(days),
    }


def _slots(messages: Sequence[OpenMessage]) -> list[Any]:
    return [_users(messages), [m.kind for m in messages], UuidArray([m.id.bytes for m in messages])]


def _users(messages: Sequence[OpenMessage]) -> UuidArray:
    return UuidArray([message.user_id.bytes for message in messages])
