"""What is written when dispatches have ended: entries under their fence, attempts, dead letters."""

from collections.abc import Sequence
from typing import Any

from notifier_service.adapters.postgres.entries import NEVER, times
from notifier_service.domain import Conclusion, DeadLetter, State
from servicekit.postgres import BinaryCursor, TimestamptzArray, UuidArray

# `= ANY` says what the join says, so that only these rows are ever read: see `entries`.
# A claim's own fence, or the fact SENT, which is written whoever holds the claim by now; but the first such fact stands.
_RECORD = f"""
UPDATE deliveries d
SET state = u.state, attempts = greatest(d.attempts, u.attempts), provider = u.provider, provider_message_id = u.provider_message_id,
    reason = u.reason, unsure = d.unsure OR u.unsure, first_unsure_at = coalesce(d.first_unsure_at, nullif(u.first_unsure_at, {NEVER})),
    next_attempt_at = nullif(u.next_attempt_at, {NEVER}), sent_at = nullif(u.sent_at, {NEVER}), lease_until_at = NULL,
    updated_at = clock_timestamp() + make_interval(secs => %(offset)s)
FROM unnest(%(id)s::uuid[], %(fence)s::bigint[], %(state)s::text[], %(attempts)s::int[], %(provider)s::text[],
    %(provider_message_id)s::text[], %(reason)s::text[], %(unsure)s::bool[], %(first_unsure_at)s::timestamptz[],
    %(next_attempt_at)s::timestamptz[], %(sent_at)s::timestamptz[])
  AS u(id, fence, state, attempts, provider, provider_message_id, reason, unsure, first_unsure_at, next_attempt_at, sent_at)
WHERE d.id = u.id AND d.id = ANY(%(id)s::uuid[]) AND d.local_date BETWEEN %(first)s AND %(last)s
  AND (d.fence = u.fence AND d.state = 'CLAIMED' OR u.state = 'SENT' AND d.state <> 'SENT')
RETURNING d.id, old.state = 'FAILED'
"""

_ATTEMPTS = f"""
INSERT INTO attempts (id, local_date, fence, number, revision, result, provider, reason, calls, dispatched_at, responded_at)
SELECT id, local_date, fence, number, revision, result, provider, reason, calls, nullif(dispatched_at, {NEVER}),
    nullif(responded_at, {NEVER})
FROM unnest(%(id)s::uuid[], %(local_date)s::date[], %(fence)s::bigint[], %(number)s::int[], %(revision)s::int[], %(result)s::text[],
    %(provider)s::text[], %(reason)s::text[], %(calls)s::int[], %(dispatched_at)s::timestamptz[], %(responded_at)s::timestamptz[])
  AS u(id, local_date, fence, number, revision, result, provider, reason, calls, dispatched_at, responded_at)
ON CONFLICT (id, local_date, fence) DO NOTHING
"""

DEAD_LETTER_COLUMNS = "id, local_date, user_id, kind, revision, reason, detail, attempts, provider, unsure, created_at"

_DEAD_LETTERS = f"""
INSERT INTO dead_letters ({DEAD_LETTER_COLUMNS})
SELECT {DEAD_LETTER_COLUMNS}
FROM unnest(%(id)s::uuid[], %(local_date)s::date[], %(user_id)s::uuid[], %(kind)s::text[], %(revision)s::int[], %(reason)s::text[],
    %(detail)s::text[], %(attempts)s::int[], %(provider)s::text[], %(unsure)s::bool[], %(created_at)s::timestamptz[])
  AS u({DEAD_LETTER_COLUMNS})
ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, reason = excluded.reason, detail = excluded.detail,
    attempts = excluded.attempts, provider = excluded.provider, unsure = excluded.unsure, created_at = excluded.created_at
"""

_FORGET = "DELETE FROM dead_letters WHERE id = ANY(%s::uuid[])"


async def record_entries(cursor: BinaryCursor, conclusions: Sequence[Conclusion], offset_seconds: float) -> dict[bytes, bool]:
    """Write entries, sorted by id; return the ids written, and whether each had been given up."""
    if not conclusions:
        return {}
    entries = [conclusion.entry for conclusion in conclusions]
    dates = [entry.local_date for entry in entries]
    await cursor.execute(
        _RECORD,
        {
            "id": UuidArray([entry.id for entry in entries]),
            "fence": [entry.fence for entry in entries],
            "state": [entry.state.value for entry in entries],
            "attempts": [entry.attempts for entry in entries],
            "provider": [entry.provider for entry in entries],
            "provider_message_id": [entry.provider_message_id for entry in entries],
            "reason": [str(entry.reason) for entry in entries],
            "unsure": [entry.unsure for entry in entries],
            "first_unsure_at": times([entry.first_unsure_us for entry in entries]),
            "next_attempt_at": times([entry.next_attempt_us for entry in entries]),
            "sent_at": times([entry.sent_us for entry in entries]),
            "first": min(dates),
            "last": max(dates),
            "offset": offset_seconds,
        },
    )
    return dict(await cursor.fetchall())


async def insert_attempts(cursor: BinaryCursor, conclusions: Sequence[Conclusion]) -> None:
    noted = [(conclusion.entry, conclusion.attempt) for conclusion in conclusions if conclusion.attempt]
    if noted:
        await cursor.execute(
            _ATTEMPTS,
            {
                "id": UuidArray([entry.id for entry, _ in noted]),
                "local_date": [entry.local_date for entry, _ in noted],
                "fence": [attempt.fence for _, attempt in noted],
                "number": [attempt.number for _, attempt in noted],
                "revision": [attempt.revision for _, attempt in noted],
                "result": [attempt.result.value for _, attempt in noted],
                "provider": [attempt.provider for _, attempt in noted],
                "reason": [str(attempt.reason) for _, attempt in noted],
                "calls": [attempt.calls for _, attempt in noted],
                "dispatched_at": times([attempt.dispatched_us for _, attempt in noted]),
                "responded_at": times([attempt.responded_us for _, attempt in noted]),
            },
        )


async def insert_dead_letters(cursor: BinaryCursor, letters: Sequence[DeadLetter]) -> None:
    if letters:
        parameters: dict[str, Any] = {
            name: [getattr(letter, name) for letter in letters]
            for name in ("local_date", "kind", "revision", "detail", "attempts", "provider", "unsure")
        }
        parameters["id"] = UuidArray([letter.id for letter in letters])
        parameters["user_id"] = UuidArray([letter.user_id for letter in letters])
        parameters["reason"] = [str(letter.reason) for letter in letters]
        parameters["created_at"] = TimestamptzArray([letter.created_us for letter in letters])
        await cursor.execute(_DEAD_LETTERS, parameters)


async def forget_dead_letters(cursor: BinaryCursor, ids: Sequence[bytes]) -> None:
    """What is tried again, or was sent after all, is given up no more."""
    if ids:
        await cursor.execute(_FORGET, (UuidArray(ids),))


def facts(conclusions: Sequence[Conclusion]) -> set[bytes]:
    return {conclusion.entry.id for conclusion in conclusions if conclusion.entry.state is State.SENT}
