"""Entries of the ledger as rows: made if there is none, locked, written."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from notifier_service.domain import Entry, State
from servicekit.postgres import BinaryCursor, TimestamptzArray, UuidArray

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
INSERT INTO deliveries (id, local_date, user_id, state, revision, kind, variant, replay, fence, tomb, unsure, digest, attempts, reason,
    claimed_at, lease_until_at, created_at, updated_at)
SELECT id, local_date, user_id, state, revision, kind, variant, replay, fence, tomb, unsure, digest, attempts, reason,
    nullif(claimed_at, {NEVER}), nullif(lease_until_at, {NEVER}), updated_at, updated_at
FROM {_ROWS}
ON CONFLICT (id, local_date) DO NOTHING RETURNING id
"""

_LOCK = f"""
SELECT {COLUMNS} FROM deliveries WHERE id = ANY(%s::uuid[]) AND local_date BETWEEN %s AND %s ORDER BY id FOR UPDATE
"""

# By the ids alone, never row by row: a plan that took the month for its outer loop would read all of it, a thousand times.
_WRITE = f"""
UPDATE deliveries d
SET state = u.state, revision = u.revision, kind = u.kind, variant = u.variant, replay = u.replay, fence = u.fence, tomb = u.tomb,
    unsure = u.unsure, first_unsure_at = nullif(u.first_unsure_at, {NEVER}), digest = u.digest, attempts = u.attempts,
    reason = u.reason, claimed_at = nullif(u.claimed_at, {NEVER}), lease_until_at = nullif(u.lease_until_at, {NEVER}),
    next_attempt_at = nullif(u.next_attempt_at, {NEVER}), updated_at = u.updated_at
FROM {_ROWS}
WHERE d.id = u.id AND d.id = ANY(%(id)s::uuid[]) AND d.local_date BETWEEN %(first)s AND %(last)s
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
    await cursor.execute(_INSERT, _parameters(entries))
    return {id_ for (id_,) in await cursor.fetchall()}


async def lock(cursor: BinaryCursor, ids: Mapping[bytes, date]) -> dict[bytes, Entry]:
    """The entries there are, locked in the order of their ids."""
    if not ids:
        return {}
    await cursor.execute(_LOCK, (UuidArray(sorted(ids)), min(ids.values()), max(ids.values())))
    return {row[0]: entry_of(row) for row in await cursor.fetchall()}


async def write(cursor: BinaryCursor, entries: Sequence[Entry]) -> None:
    """Write entries whose rows are locked."""
    if not entries:
        return
    dates = [entry.local_date for entry in entries]
    await cursor.execute(_WRITE, {**_parameters(entries), "first": min(dates), "last": max(dates)})


def entry_of(row: Sequence[Any]) -> Entry:
    return Entry(*row[:3], State(row[3]), *row[4:])  # type: ignore[call-arg] # as many as COLUMNS has


def times(values: Sequence[int | None]) -> TimestamptzArray:
    return TimestamptzArray([value or 0 for value in values])


def _parameters(entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "id": UuidArray([entry.id for entry in entries]),
        "local_date": [entry.local_date for entry in entries],
        "user_id": UuidArray([entry.user_id for entry in entries]),
        "state": [entry.state.value for entry in entries],
        "revision": [entry.revision for entry in entries],
        "kind": [entry.kind for entry in entries],
        "variant": [entry.variant for entry in entries],
        "replay": [entry.replay for entry in entries],
        "fence": [entry.fence for entry in entries],
        "tomb": [entry.tomb for entry in entries],
        "unsure": [entry.unsure for entry in entries],
        "first_unsure_at": times([entry.first_unsure_us for entry in entries]),
        "digest": UuidArray([entry.digest for entry in entries]),
        "attempts": [entry.attempts for entry in entries],
        "reason": [str(entry.reason) for entry in entries],
        "claimed_at": times([entry.claimed_us for entry in entries]),
        "lease_until_at": times([entry.lease_until_us for entry in entries]),
        "next_attempt_at": times([entry.next_attempt_us for entry in entries]),
        "updated_at": TimestamptzArray([entry.updated_us for entry in entries]),
    }
