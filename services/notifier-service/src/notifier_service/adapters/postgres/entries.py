"""Entries of the ledger as rows: made if there is none, locked, written."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from notifier_service.domain import Entry, State
from servicekit.postgres import BigintArray, BinaryCursor, BoolArray, DateArray, IntArray, TextArray, TimestamptzArray, UuidArray

COLUMNS = """id, local_date, user_id, state, revision, kind, variant, replay, fence, tomb, unsure, first_unsure_at, digest, attempts,
    provider, provider_message_id, reason, claimed_at, lease_until_at, next_attempt_at, sent_at, created_at, updated_at"""

_ROWS = """unnest(%(id)s::uuid[], %(local_date)s::date[], %(user_id)s::uuid[], %(state)s::text[], %(revision)s::int[], %(kind)s::text[],
    %(variant)s::text[], %(replay)s::int[], %(fence)s::bigint[], %(tomb)s::int[], %(unsure)s::bool[], %(first_unsure_at)s::timestamptz[],
    %(digest)s::uuid[], %(attempts)s::int[], %(reason)s::text[], %(claimed_at)s::timestamptz[], %(lease_until_at)s::timestamptz[],
    %(next_attempt_at)s::timestamptz[], %(updated_at)s::timestamptz[])
  AS u(id, local_date, user_id, state, revision, kind, variant, replay, fence, tomb, unsure, first_unsure_at, digest, attempts, reason,
    claimed_at, lease_until_at, next_attempt_at, updated_at)"""

NEVER = "'epoch'"  # Stands for no time in arrays, which hold no nulls.

_OPEN = "SELECT clock_timestamp() + make_interval(secs => %s), nextval('fences')"

_INSERT = f"""
INSERT INTO deliveries AS d (id, local_date, user_id, state, revision, kind, variant, replay, fence, tomb, unsure, first_unsure_at, digest,
    attempts, reason, claimed_at, lease_until_at, next_attempt_at, created_at, updated_at)
SELECT id, local_date, user_id, state, revision, kind, variant, replay, fence, tomb, unsure, nullif(first_unsure_at, {NEVER}), digest,
    attempts, reason, nullif(claimed_at, {NEVER}), nullif(lease_until_at, {NEVER}), nullif(next_attempt_at, {NEVER}), updated_at, updated_at
FROM {_ROWS}
ON CONFLICT (id, local_date)
"""

_INSERT_NEW = f"{_INSERT} DO NOTHING RETURNING id"

# Not an UPDATE joined with the rows: its plan, made while a month is empty and kept, would read the whole month for each of them. A
# conflict is found by the primary key, whatever the planner thinks.
_WRITE = f"""{_INSERT} DO UPDATE
SET state = excluded.state, revision = excluded.revision, kind = excluded.kind, variant = excluded.variant, replay = excluded.replay,
    fence = excluded.fence, tomb = excluded.tomb, unsure = excluded.unsure, first_unsure_at = excluded.first_unsure_at,
    digest = excluded.digest, attempts = excluded.attempts, reason = excluded.reason, claimed_at = excluded.claimed_at,
    lease_until_at = excluded.lease_until_at, next_attempt_at = excluded.next_attempt_at, updated_at = excluded.updated_at
"""

_LOCK = f"""
SELECT {COLUMNS} FROM deliveries WHERE id = ANY(%s::uuid[]) AND local_date BETWEEN %s AND %s ORDER BY id FOR UPDATE
"""


async def open_batch(cursor: BinaryCursor, offset_seconds: float) -> tuple[int, int]:
    """The ledger's time and a fresh fence."""
    await cursor.execute(_OPEN, (offset_seconds,))
    rows: list[tuple[int, int]] = await cursor.fetchall()
    return rows[0]


async def insert(cursor: BinaryCursor, entries: Sequence[Entry]) -> set[bytes]:
    """Insert these, sorted by id, where there is no row; return the ids inserted. Waits for whoever is just inserting one."""
    if not entries:
        return set()
    await cursor.execute(_INSERT_NEW, _parameters(entries))
    return {id_ for (id_,) in await cursor.fetchall()}


async def lock(cursor: BinaryCursor, ids: Mapping[bytes, date]) -> dict[bytes, Entry]:
    """The entries there are, locked in the order of their ids."""
    if not ids:
        return {}
    await cursor.execute(_LOCK, (UuidArray(sorted(ids)), min(ids.values()), max(ids.values())))
    return {row[0]: entry_of(row) for row in await cursor.fetchall()}


async def write(cursor: BinaryCursor, entries: Sequence[Entry]) -> None:
    """Write entries whose rows are locked."""
    if entries:
        await cursor.execute(_WRITE, _parameters(entries))


def entry_of(row: Sequence[Any]) -> Entry:
    return Entry(*row[:3], State(row[3]), *row[4:])  # type: ignore[call-arg] # as many as COLUMNS has


def times(values: Sequence[int | None]) -> TimestamptzArray:
    return TimestamptzArray([value or 0 for value in values])


def _parameters(entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "id": UuidArray([entry.id for entry in entries]),
        "local_date": DateArray([entry.local_date for entry in entries]),
        "user_id": UuidArray([entry.user_id for entry in entries]),
        "state": TextArray([entry.state.value for entry in entries]),
        "revision": IntArray([entry.revision for entry in entries]),
        "kind": TextArray([entry.kind for entry in entries]),
        "variant": TextArray([entry.variant for entry in entries]),
        "replay": IntArray([entry.replay for entry in entries]),
        "fence": BigintArray([entry.fence for entry in entries]),
        "tomb": IntArray([entry.tomb for entry in entries]),
        "unsure": BoolArray([entry.unsure for entry in entries]),
        "first_unsure_at": times([entry.first_unsure_us for entry in entries]),
        "digest": UuidArray([entry.digest for entry in entries]),
        "attempts": IntArray([entry.attempts for entry in entries]),
        "reason": TextArray([str(entry.reason) for entry in entries]),
        "claimed_at": times([entry.claimed_us for entry in entries]),
        "lease_until_at": times([entry.lease_until_us for entry in entries]),
        "next_attempt_at": times([entry.next_attempt_us for entry in entries]),
        "updated_at": TimestamptzArray([entry.updated_us for entry in entries]),
    }
