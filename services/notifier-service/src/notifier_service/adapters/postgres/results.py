"""What is written when dispatches have ended: entries under their fence, attempts, dead letters."""

from collections.abc import Sequence
from typing import Any

from notifier_service.adapters.postgres.entries import NEVER, times
from notifier_service.domain import Conclusion, DeadLetter, State
from servicekit.postgres import BigintArray, BinaryCursor, BoolArray, DateArray, IntArray, TextArray, TimestamptzArray, UuidArray

NO_DIGEST = "'00000000-0000-0000-0000-000000000000'::uuid"

# A claim's own fence, or the fact SENT, which is written whoever holds the claim by now; but the first such fact stands. An upsert of rows
# that are there: see entries._WRITE.
_RECORD = f"""
INSERT INTO deliveries AS d (id, local_date, user_id, fence, state, attempts, provider, provider_message_id, reason, unsure,
    first_unsure_at, next_attempt_at, sent_at, revision, replay, tomb, digest, created_at, updated_at)
SELECT id, local_date, user_id, fence, state, attempts, provider, provider_message_id, reason, unsure, nullif(first_unsure_at, {NEVER}),
    nullif(next_attempt_at, {NEVER}), nullif(sent_at, {NEVER}), 0, 0, 0, {NO_DIGEST}, clock.at, clock.at
FROM unnest(%(id)s::uuid[], %(local_date)s::date[], %(user_id)s::uuid[], %(fence)s::bigint[], %(state)s::text[], %(attempts)s::int[],
    %(provider)s::text[], %(provider_message_id)s::text[], %(reason)s::text[], %(unsure)s::bool[], %(first_unsure_at)s::timestamptz[],
    %(next_attempt_at)s::timestamptz[], %(sent_at)s::timestamptz[])
  AS u(id, local_date, user_id, fence, state, attempts, provider, provider_message_id, reason, unsure, first_unsure_at, next_attempt_at,
    sent_at), (SELECT clock_timestamp() + make_interval(secs => %(offset)s) AS at) AS clock
ON CONFLICT (id, local_date) DO UPDATE
SET state = excluded.state, attempts = greatest(d.attempts, excluded.attempts), provider = excluded.provider,
    provider_message_id = excluded.provider_message_id, reason = excluded.reason, unsure = d.unsure OR excluded.unsure,
    first_unsure_at = coalesce(d.first_unsure_at, excluded.first_unsure_at), next_attempt_at = excluded.next_attempt_at,
    sent_at = excluded.sent_at, lease_until_at = NULL, updated_at = excluded.updated_at
WHERE d.fence = excluded.fence AND d.state = 'CLAIMED' OR excluded.state = 'SENT' AND d.state <> 'SENT'
RETURNING d.id, coalesce(old.state = 'FAILED', false)
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
    await cursor.execute(
        _RECORD,
        {
            "id": UuidArray([entry.id for entry in entries]),
            "local_date": DateArray([entry.local_date for entry in entries]),
            "user_id": UuidArray([entry.user_id for entry in entries]),
            "fence": BigintArray([entry.fence for entry in entries]),
            "state": TextArray([entry.state.value for entry in entries]),
            "attempts": IntArray([entry.attempts for entry in entries]),
            "provider": TextArray([entry.provider for entry in entries]),
            "provider_message_id": TextArray([entry.provider_message_id for entry in entries]),
            "reason": TextArray([str(entry.reason) for entry in entries]),
            "unsure": BoolArray([entry.unsure for entry in entries]),
            "first_unsure_at": times([entry.first_unsure_us for entry in entries]),
            "next_attempt_at": times([entry.next_attempt_us for entry in entries]),
            "sent_at": times([entry.sent_us for entry in entries]),
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
