"""Messages as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from scheduler_service.domain import Message, Moments, State
from servicekit import failpoint

COLUMNS = """id, user_id, kind, local_date, state, revision, due_at, late_until_at, expires_at, timezone, tzdata_version, zone_rule,
    send_at, variant, attempts, replay, unsure, asked_revision, reason, provider, provider_message_id, sent_at, created_at, updated_at,
    moved_from"""
_MOMENTS = ("due_at", "late_until_at", "expires_at", "timezone", "tzdata_version", "zone_rule")

_INSERT = """
INSERT INTO messages (id, local_date, user_id, kind, state, revision, due_at, send_at, late_until_at, expires_at, timezone, tzdata_version,
    zone_rule, reason, created_at, updated_at)
SELECT u.id, u.local_date, u.user_id, u.kind, u.state, u.revision, u.due_at, u.send_at, u.late_until_at, u.expires_at, u.timezone,
    u.tzdata_version, u.zone_rule, u.reason, %(now)s, %(now)s
FROM unnest(%(id)s::uuid[], %(local_date)s::date[], %(user_id)s::uuid[], %(kind)s::text[], %(state)s::text[], %(revision)s::int[],
    %(due_at)s::timestamptz[], %(send_at)s::timestamptz[], %(late_until_at)s::timestamptz[], %(expires_at)s::timestamptz[],
    %(timezone)s::text[], %(tzdata_version)s::text[], %(zone_rule)s::text[], %(reason)s::text[])
  AS u(id, local_date, user_id, kind, state, revision, due_at, send_at, late_until_at, expires_at, timezone, tzdata_version,
    zone_rule, reason)
ORDER BY u.id
ON CONFLICT (id, local_date) DO NOTHING
"""

# The rows are locked; the revision they were read with says so once more. The bounds prune: equal dates of a join do not.
_UPDATE = """
UPDATE messages m
SET state = u.state, revision = u.revision, due_at = u.due_at, send_at = u.send_at, late_until_at = u.late_until_at,
    expires_at = u.expires_at, timezone = u.timezone, tzdata_version = u.tzdata_version, zone_rule = u.zone_rule,
    asked_revision = u.asked_revision,
    asked_at = CASE WHEN u.asked_revision = m.asked_revision THEN m.asked_at ELSE %(now)s END,
    reason = u.reason, moved_from = u.moved_from, updated_at = %(now)s
FROM unnest(%(id)s::uuid[], %(local_date)s::date[], %(state)s::text[], %(revision)s::int[],
    %(due_at)s::timestamptz[], %(send_at)s::timestamptz[], %(late_until_at)s::timestamptz[], %(expires_at)s::timestamptz[],
    %(timezone)s::text[], %(tzdata_version)s::text[], %(zone_rule)s::text[], %(asked_revision)s::int[], %(reason)s::text[],
    %(moved_from)s::jsonb[])
  AS u(id, local_date, state, revision, due_at, send_at, late_until_at, expires_at, timezone, tzdata_version, zone_rule,
    asked_revision, reason, moved_from)
WHERE m.id = u.id AND m.local_date = u.local_date AND m.local_date BETWEEN %(first)s AND %(last)s
  AND m.revision IN (u.revision, u.revision - 1)
"""


async def write(connection: AsyncConnection[Any], planned: Sequence[Message], changed: Sequence[Message], now: datetime) -> None:
    """Insert and update messages whose slots, and rows where there are some, are locked."""
    if planned:
        await connection.execute(_INSERT, _columns(planned) | {"now": now})
    await failpoint.reach("scheduler.replan.between_writes")
    if changed:
        dates = [message.local_date for message in changed]
        await connection.execute(_UPDATE, _columns(changed) | {"now": now, "first": min(dates), "last": max(dates)})


def message_of(row: Sequence[Any]) -> Message:
    """A message from a row of COLUMNS."""
    identity, user_id, kind, local_date, state, revision, *rest, moved_from = row
    earlier = {int(last): _moments_of(written) for last, written in (moved_from or {}).items()}
    return Message(identity, user_id, kind, local_date, State(state), revision, Moments(*rest[:6]), *[*rest[6:], earlier])


def _columns(messages: Sequence[Message]) -> dict[str, list[Any]]:
    ordered = sorted(messages, key=lambda message: message.id)
    own = ("id", "local_date", "user_id", "kind", "revision", "send_at", "asked_revision", "reason")
    return (
        {name: [getattr(message, name) for message in ordered] for name in own}
        | {name: [getattr(message.moments, name) for message in ordered] for name in _MOMENTS}
        | {"state": [str(message.state) for message in ordered]}
        | {"moved_from": [_written(message) for message in ordered]}
    )


def _written(message: Message) -> Jsonb | None:
    if not message.moved_from:
        return None
    return Jsonb({last: {name: str(getattr(moments, name)) for name in _MOMENTS} for last, moments in message.moved_from.items()})


def _moments_of(written: Mapping[str, str]) -> Moments:
    due_at, late_until_at, expires_at, *rest = (written[name] for name in _MOMENTS)
    return Moments(datetime.fromisoformat(due_at), datetime.fromisoformat(late_until_at), datetime.fromisoformat(expires_at), *rest)
