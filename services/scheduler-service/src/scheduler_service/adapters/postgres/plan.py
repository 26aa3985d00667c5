"""The plan of all users, set-based: instants computed in Python are joined with slots by kind, zone, month and day."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from occasions.identity import digits_of
from scheduler_service.domain import GREETED_DAYS, DayInstant, KindRules, Shift, Slice

#: Below every user's id.
NOBODY = UUID(int=0)

# The last user of each slice, in the order of the index; an index-only scan.
_CUTS = """
SELECT c.ord, c.user_id, c.number
FROM (
    SELECT i.ord, o.user_id, row_number() OVER w AS number, lead(o.user_id) OVER w IS NULL AS last
    FROM unnest(%(zone)s::text[], %(month)s::smallint[], %(day)s::smallint[]) WITH ORDINALITY AS i(zone, month, day, ord)
    JOIN occasions o ON o.active AND o.kind = %(kind)s AND o.month = i.month AND o.day = i.day AND o.zone = i.zone
    WINDOW w AS (PARTITION BY i.ord ORDER BY o.user_id)
) c
WHERE c.last OR c.number %% %(slots)s = 0
ORDER BY c.ord, c.number
"""

_IN_SLICE = """o.active AND o.kind = %(kind)s AND o.month = i.month AND o.day = i.day AND o.zone = i.zone
    AND o.user_id > i.above AND o.user_id <= i.upto"""

# Looked up one by one: as a join the planner, which knows nothing of a fresh month, would compare each with each. By user, kind and date,
# which are what the id is made of, so that no id need be made; the bounds tell the months before the first look.
_UNPLANNED = """(SELECT m.id FROM messages m WHERE m.user_id = o.user_id AND m.local_date = i.local_date AND m.kind = %(kind)s
    AND m.local_date BETWEEN %(first)s AND %(last)s LIMIT 1) IS NULL"""

# The id is the one of occasions.identity: a test compares the two. Slots that have their message are not locked: planning again only reads,
# and of a slice in which all have theirs it reads no row of occasions, for the index by day tells who they are.
# A slot is locked in the inner SELECT; if an edit changed it meanwhile, Postgres checks the conditions on it once more.
_PLAN = f"""
WITH made AS (
    INSERT INTO messages (id, local_date, user_id, kind, state, due_at, send_at, late_until_at, expires_at, timezone, tzdata_version,
        zone_rule, reason, created_at, updated_at)
    SELECT p.id, p.local_date, p.user_id, %(kind)s, CASE p.reason WHEN '' THEN 'SCHEDULED' ELSE 'SUPPRESSED' END,
        p.due_at, p.due_at, p.late_until_at, p.expires_at, p.zone, %(tzdata_version)s, p.zone_rule, p.reason, %(now)s, %(now)s
    FROM (
        SELECT x.id, i.local_date, o.user_id, i.due_at, i.late_until_at, i.expires_at, i.zone, i.zone_rule,
            CASE WHEN o.year + %(first_after_years)s > i.year THEN 'year_zero'
                 WHEN o.known_at <= i.due_at OR (%(sends_at_once)s AND o.known_at < i.late_until_at) THEN ''
                 ELSE 'known_too_late' END AS reason
        FROM (
            SELECT *
            FROM unnest(%(zone)s::text[], %(month)s::smallint[], %(day)s::smallint[], %(leap_day_rule)s::text[], %(local_date)s::date[],
                    %(year)s::int[], %(digits)s::text[], %(due_at)s::timestamptz[], %(late_until_at)s::timestamptz[],
                    %(expires_at)s::timestamptz[], %(zone_rule)s::text[], %(above)s::uuid[], %(upto)s::uuid[])
                AS i(zone, month, day, leap_day_rule, local_date, year, digits, due_at, late_until_at, expires_at, zone_rule, above, upto)
            WHERE EXISTS (SELECT FROM occasions o WHERE {_IN_SLICE} AND {_UNPLANNED})
            OFFSET 0
        ) i
        JOIN occasions o ON {_IN_SLICE}
        CROSS JOIN LATERAL (
            SELECT encode(sha256(uuid_send(o.user_id) || convert_to(%(kind)s || i.digits, 'UTF8')), 'hex') AS hex OFFSET 0
        ) h
        CROSS JOIN LATERAL (
            SELECT (i.digits || left(h.hex, 4) || '8' || substr(h.hex, 5, 3) || '8' || substr(h.hex, 8, 15))::uuid AS id OFFSET 0
        ) x
        WHERE (i.leap_day_rule = '' OR o.leap_day_rule = i.leap_day_rule)
          AND (o.year IS NULL OR o.year + %(first_after_years)s <= i.year OR o.year = i.year)
          AND (o.slot_message_id IS NULL OR o.slot_message_id = x.id
               OR (o.slot_year < i.year AND abs(left(o.slot_message_id::text, 8)::date - i.local_date) >= %(greeted_days)s))
          AND {_UNPLANNED}
        ORDER BY o.user_id
        FOR SHARE OF o
    ) p
    WHERE p.reason = '' OR p.expires_at > %(now)s
    ORDER BY p.id
    ON CONFLICT (id, local_date) DO NOTHING
    RETURNING state
)
SELECT count(*) FROM made WHERE state = 'SCHEDULED'
"""

_MOVING = """
FROM messages m
JOIN unnest(%(zone)s::text[], %(local_date)s::date[], %(due_at)s::timestamptz[], %(late_until_at)s::timestamptz[],
        %(expires_at)s::timestamptz[], %(zone_rule)s::text[])
    AS i(zone, local_date, due_at, late_until_at, expires_at, zone_rule)
    ON m.timezone = i.zone AND m.local_date = i.local_date
WHERE m.kind = %(kind)s AND m.state = 'SCHEDULED' AND m.send_at > %(now)s AND m.local_date BETWEEN %(first)s AND %(last)s
  AND (m.due_at, m.late_until_at, m.expires_at) IS DISTINCT FROM (i.due_at, i.late_until_at, i.expires_at)
"""

_SHIFTS = f"SELECT m.timezone, count(*), max(greatest(i.due_at - m.due_at, m.due_at - i.due_at)) {_MOVING} GROUP BY 1 ORDER BY 2 DESC, 1"

_MOVE = f"""
WITH moving AS MATERIALIZED (
    SELECT m.id, m.local_date, i.due_at, i.late_until_at, i.expires_at, i.zone_rule {_MOVING} ORDER BY m.id FOR UPDATE OF m
)
UPDATE messages m
SET due_at = v.due_at, send_at = greatest(v.due_at, CASE WHEN m.attempts > 0 THEN m.send_at END), late_until_at = v.late_until_at,
    expires_at = v.expires_at, zone_rule = v.zone_rule, tzdata_version = %(tzdata_version)s, revision = m.revision + 1, updated_at = %(now)s
FROM moving v
WHERE m.id = v.id AND m.local_date = v.local_date AND m.local_date BETWEEN %(first)s AND %(last)s
"""


async def slices(connection: AsyncConnection[Any], kind: str, instants: Sequence[DayInstant], slots: int) -> list[Slice]:
    places = {
        "zone": [instant.moments.timezone for instant in instants],
        "month": [instant.month for instant in instants],
        "day": [instant.day for instant in instants],
    }
    cursor = await connection.execute(_CUTS, places | {"kind": kind, "slots": slots})
    cuts: dict[int, list[tuple[UUID, int]]] = {}
    for number, user_id, count in await cursor.fetchall():
        cuts.setdefault(number, [(NOBODY, 0)]).append((user_id, count))
    return [
        Slice(instants[number - 1], above, upto, count - before)
        for number, ends in sorted(cuts.items())
        for (above, before), (upto, count) in pairwise(ends)
    ]


async def plan(connection: AsyncConnection[Any], rules: KindRules, batch: Sequence[Slice], now: Any) -> int:
    dates = [piece.instant.local_date for piece in batch]
    parameters = _instants([piece.instant for piece in batch]) | {
        "kind": rules.occasion.name,
        "above": [piece.above for piece in batch],
        "upto": [piece.upto for piece in batch],
        "year": [day.year for day in dates],
        "digits": [digits_of(day) for day in dates],
        "first": min(dates),
        "last": max(dates),
        "tzdata_version": batch[0].instant.moments.tzdata_version,
        "first_after_years": rules.occasion.first_after_years,
        "sends_at_once": rules.sends_at_once,
        "greeted_days": GREETED_DAYS,
        "now": now,
    }
    row = await (await connection.execute(_PLAN, parameters)).fetchone()
    return int(row[0]) if row else 0


async def shifts(connection: AsyncConnection[Any], kind: str, instants: Sequence[DayInstant], now: Any) -> list[Shift]:
    cursor = await connection.execute(_SHIFTS, _moving(kind, instants, now))
    return [Shift(*row) for row in await cursor.fetchall()]


async def move(connection: AsyncConnection[Any], kind: str, instants: Sequence[DayInstant], now: Any) -> int:
    return (await connection.execute(_MOVE, _moving(kind, instants, now))).rowcount


def _moving(kind: str, instants: Sequence[DayInstant], now: Any) -> dict[str, Any]:
    # One for each zone and date: those of the leap day are the same instant twice.
    ordered = list({(i.moments.timezone, i.local_date): i for i in instants}.values())
    dates = [instant.local_date for instant in ordered]
    bounds = {"first": min(dates), "last": max(dates), "tzdata_version": ordered[0].moments.tzdata_version}
    return _instants(ordered) | bounds | {"kind": kind, "now": now}


def _instants(instants: Sequence[DayInstant]) -> dict[str, Any]:
    return {
        "zone": [instant.moments.timezone for instant in instants],
        "month": [instant.month for instant in instants],
        "day": [instant.day for instant in instants],
        "leap_day_rule": [instant.leap_day_rule for instant in instants],
        "local_date": [instant.local_date for instant in instants],
        "due_at": [instant.moments.due_at for instant in instants],
        "late_until_at": [instant.moments.late_until_at for instant in instants],
        "expires_at": [instant.moments.expires_at for instant in instants],
        "zone_rule": [instant.moments.zone_rule for instant in instants],
    }
