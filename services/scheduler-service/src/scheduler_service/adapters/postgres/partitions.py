"""The months of messages: made ahead, retired when they are over and past their keeping."""

import re
from datetime import date
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier, Literal

# One maker at a time; the others then find the months made.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('heyday.messages.partitions', 0))"
_EXISTING = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'messages'::regclass"
# Built beside the table and then attached: that takes the weaker lock, under which reading and writing go on.
_CREATE = "CREATE TABLE {name} (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 60)"
# Rows that came before their month was made; nobody may add another until it is attached.
_STRAYS = "SELECT EXISTS (SELECT FROM messages_default WHERE local_date >= %s AND local_date < %s)"
_HOLD_STRAYS = "LOCK TABLE messages_default IN ACCESS EXCLUSIVE MODE"
_TAKE_STRAYS = """
WITH strays AS (DELETE FROM messages_default WHERE local_date >= {first} AND local_date < {after} RETURNING *)
INSERT INTO {name} SELECT * FROM strays
"""
_ATTACH = "ALTER TABLE messages ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({after})"
_NAME = re.compile(r"messages_([0-9]{4})_([0-9]{2})")


async def make(connection: AsyncConnection[Any], first: date, months: int) -> int:
    """Make `months` partitions from that of `first` on, those that exist apart; return how many."""
    await connection.execute(_ALONE)
    existing = await _months(connection)
    missing = [month for month in _from(first, months) if month not in existing]
    for month in missing:
        await _make(connection, month)
    return len(missing)


async def _make(connection: AsyncConnection[Any], month: date) -> None:
    bounds = {"name": Identifier(f"messages_{month:%Y_%m}"), "first": Literal(month), "after": Literal(_next(month))}
    await connection.execute(SQL(_CREATE).format(**bounds))
    found = await (await connection.execute(_STRAYS, [month, _next(month)])).fetchone()
    if found and found[0]:
        await connection.execute(_HOLD_STRAYS)
        await connection.execute(SQL(_TAKE_STRAYS).format(**bounds))
    await connection.execute(SQL(_ATTACH).format(**bounds))


async def retire(connection: AsyncConnection[Any], before: date) -> int:
    """Drop the partitions of months that ended before a date; return how many."""
    await connection.execute(_ALONE)
    over = [month for month in await _months(connection) if _next(month) <= before]
    for month in over:
        await connection.execute(SQL("DROP TABLE {}").format(Identifier(f"messages_{month:%Y_%m}")))
    return len(over)


async def default_rows(connection: AsyncConnection[Any]) -> int:
    row = await (await connection.execute("SELECT count(*) FROM messages_default")).fetchone()
    return int(row[0]) if row else 0


async def _months(connection: AsyncConnection[Any]) -> set[date]:
    names = [_NAME.fullmatch(row[0].rpartition(".")[2]) for row in await (await connection.execute(_EXISTING)).fetchall()]
    return {date(int(match[1]), int(match[2]), 1) for match in names if match}


def _from(first: date, months: int) -> list[date]:
    found = [first.replace(day=1)]
    while len(found) < months:
        found.append(_next(found[-1]))
    return found


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
