"""Rows for the scheduler's tables, written past user-service: by COPY, and where there are millions, by Postgres itself."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection

from occasions.identity import message_id

Connected = Connection[Any]

# Ids as user-service makes them: version 7, of the last three years.
_IDS = "SELECT uuidv7(-random() * interval '3 years') FROM generate_series(1, %s)"

_RECIPIENTS: LiteralString = """
COPY recipients (user_id, epoch, version, email, first_name, last_name, locale, timezone, birthday, birthday_known_at, leap_day_rule,
    suppressed, deleted, erased) FROM STDIN
"""
_OCCASIONS: LiteralString = "COPY occasions (user_id, kind, zone, month, day, year, leap_day_rule, known_at, active) FROM STDIN"
_MESSAGES: LiteralString = """
COPY messages (id, local_date, user_id, kind, state, due_at, send_at, late_until_at, expires_at, timezone, tzdata_version, zone_rule)
FROM STDIN
"""
_ZONES = ("America/New_York", "America/Chicago", "America/Sao_Paulo", "Europe/London", "Europe/Berlin", "Africa/Lagos", "Asia/Karachi")
_GENERATED = """
INSERT INTO occasions (user_id, kind, zone, month, day, year, leap_day_rule, known_at, active)
SELECT uuidv7(-random() * interval '3 years'), 'birthday', (%(zones)s::text[])[1 + n %% cardinality(%(zones)s::text[])],
       extract(month FROM d.day), extract(day FROM d.day), 1950 + n %% 55, 'FEB_28', '2020-01-01Z', true
FROM generate_series(1, %(people)s::int) AS n
CROSS JOIN LATERAL (SELECT %(first)s::date + (n %% %(days)s::int) AS day) AS d
"""
_KNOWN_AT = "2020-01-01Z"


def invite(connection: Connected, people: int, due_at: datetime) -> list[UUID]:
    """Make people and a birthday message for each, all due at that instant; return the ids of the messages, in no order."""
    users: list[UUID] = [row[0] for row in connection.execute(_IDS, [people]).fetchall()]
    day = due_at.date()
    ids = [message_id(user, "birthday", day) for user in users]
    late, expires = due_at + timedelta(hours=10), due_at + timedelta(hours=58)
    with connection.transaction():
        _copy(connection, _RECIPIENTS, (_recipient(user, number, day) for number, user in enumerate(users)))
        _copy(connection, _OCCASIONS, ((u, "birthday", "Etc/UTC", day.month, day.day, 1990, "FEB_28", _KNOWN_AT, True) for u in users))
        rows = zip(ids, users, strict=True)
        rest = (due_at, due_at, late, expires, "Etc/UTC", "2026a", "EXACT")
        # In the order in which *plan* inserts them.
        _copy(connection, _MESSAGES, ((id_, day, user, "birthday", "SCHEDULED", *rest) for id_, user in sorted(rows)))
    return ids


def populate(connection: Connected, people: int, first: date, days: int) -> None:
    """Make that many people whose birthdays are spread evenly over so many days, in zones whose send time that day is hours ahead."""
    connection.execute(_GENERATED, {"zones": list(_ZONES), "people": people, "first": first, "days": days})


def _recipient(user: UUID, number: int, day: date) -> Sequence[object]:
    born = f"1990-{day:%m-%d}"
    return (user, 1, 1, f"person{number}@example.org", "Ada", f"Lovelace {number}", "en", "Etc/UTC", born, _KNOWN_AT, "FEB_28", [], 0, 0)


def _copy(connection: Connected, statement: LiteralString, rows: Iterable[Sequence[object]]) -> None:
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
