"""Recipients and slots as rows: the read-model of users."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from scheduler_service.domain import Recipient, Slot

#: The dates of a user that have columns, by the names of their fields.
DATES = ("birthday", "anniversary")

COLUMNS = """user_id, epoch, version, email, first_name, last_name, locale, timezone, birthday, anniversary, birthday_known_at,
    anniversary_known_at, leap_day_rule, suppressed, deleted, erased"""

_LOCK = f"SELECT {COLUMNS} FROM recipients WHERE user_id = ANY(%s::uuid[]) ORDER BY user_id FOR UPDATE"

_SAVE = f"""
INSERT INTO recipients AS r ({COLUMNS})
SELECT u.user_id, u.epoch, u.version, u.email, u.first_name, u.last_name, u.locale, u.timezone, u.birthday, u.anniversary,
    u.birthday_known_at, u.anniversary_known_at, u.leap_day_rule, string_to_array(u.suppressed, ','), u.deleted, u.erased
FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::bool[], %s::bool[])
  AS u({COLUMNS})
ORDER BY u.user_id
ON CONFLICT (user_id) DO UPDATE
SET epoch = excluded.epoch, version = excluded.version, email = excluded.email, first_name = excluded.first_name,
    last_name = excluded.last_name, locale = excluded.locale, timezone = excluded.timezone, birthday = excluded.birthday,
    anniversary = excluded.anniversary, birthday_known_at = excluded.birthday_known_at,
    anniversary_known_at = excluded.anniversary_known_at, leap_day_rule = excluded.leap_day_rule, suppressed = excluded.suppressed,
    deleted = excluded.deleted, erased = excluded.erased, updated_at = clock_timestamp()
WHERE NOT r.erased AND (excluded.erased OR (excluded.epoch, excluded.version) > (r.epoch, r.version))
"""

SLOT_COLUMNS = "user_id, kind, zone, month, day, year, leap_day_rule, known_at, active, slot_year, slot_message_id"

_LOCK_SLOTS = f"SELECT {SLOT_COLUMNS} FROM occasions WHERE user_id = ANY(%s::uuid[]) ORDER BY user_id, kind FOR UPDATE"

_SAVE_SLOTS = f"""
INSERT INTO occasions ({SLOT_COLUMNS})
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::smallint[], %s::smallint[], %s::smallint[], %s::text[], %s::timestamptz[],
    %s::bool[], %s::smallint[], %s::uuid[]) AS u({SLOT_COLUMNS})
ORDER BY u.user_id, u.kind
ON CONFLICT (user_id, kind) DO UPDATE
SET zone = excluded.zone, month = excluded.month, day = excluded.day, year = excluded.year, leap_day_rule = excluded.leap_day_rule,
    known_at = excluded.known_at, active = excluded.active, slot_year = excluded.slot_year, slot_message_id = excluded.slot_message_id
"""


async def lock(connection: AsyncConnection[Any], user_ids: Collection[UUID]) -> dict[UUID, Recipient]:
    cursor = await connection.execute(_LOCK, [list(user_ids)])
    return {row[0]: recipient_of(row) for row in await cursor.fetchall()}


async def save(connection: AsyncConnection[Any], recipients: Sequence[Recipient]) -> None:
    """Insert users, or replace those that are older."""
    await connection.execute(_SAVE, _transposed([_row(recipient) for recipient in recipients]))


async def lock_slots(connection: AsyncConnection[Any], user_ids: Collection[UUID]) -> dict[UUID, dict[str, Slot]]:
    cursor = await connection.execute(_LOCK_SLOTS, [list(user_ids)])
    slots: dict[UUID, dict[str, Slot]] = {}
    for row in await cursor.fetchall():
        slots.setdefault(row[0], {})[row[1]] = Slot(*row)
    return slots


async def save_slots(connection: AsyncConnection[Any], slots: Sequence[Slot]) -> None:
    """Write locked or new slots."""
    if slots:
        await connection.execute(_SAVE_SLOTS, _transposed([_slot_row(slot) for slot in slots]))


def recipient_of(row: Sequence[Any]) -> Recipient:
    """A recipient from a row of COLUMNS."""
    user_id, epoch, version, email, first_name, last_name, locale, timezone, *dated = row
    dates, known_at = _given(dated[:2]), _given(dated[2:4])
    leap_day_rule, suppressed, deleted, erased = dated[4:]
    names = (email, first_name, last_name, locale, timezone)
    return Recipient(user_id, epoch, version, *names, dates, known_at, leap_day_rule, frozenset(suppressed), deleted, erased)


def _given(values: Sequence[Any]) -> dict[str, Any]:
    return {name: value for name, value in zip(DATES, values, strict=True) if value is not None}


def _row(user: Recipient) -> tuple[Any, ...]:
    names = (user.user_id, user.epoch, user.version, user.email, user.first_name, user.last_name, user.locale, user.timezone)
    dates = [user.dates.get(name) for name in DATES] + [user.known_at.get(name) for name in DATES]
    return (*names, *dates, user.leap_day_rule, ",".join(sorted(user.suppressed)), user.deleted, user.erased)


def _slot_row(slot: Slot) -> tuple[Any, ...]:
    place = (slot.user_id, slot.kind, slot.zone, slot.month, slot.day, slot.year, slot.leap_day_rule, slot.known_at, slot.active)
    return (*place, slot.slot_year, slot.slot_message_id)


def _transposed(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
