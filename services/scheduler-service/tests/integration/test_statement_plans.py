"""Every statement of the plan's side on 300,000 messages over 24 months: no table is read whole, partitions are pruned."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from occasions.identity import message_id
from scheduler_service.adapters.postgres import messages, partitions, plan, queries, recipients, replan, ways
from scheduler_service.domain import MessageFilter, State, day_instants
from scheduler_service.testing import rules

MESSAGES, MONTHS = 300_000, 24
FIRST = date(2025, 1, 1)
TODAY = date(2026, 6, 15)
USER = UUID(int=7)

_FILL = """
INSERT INTO messages (id, local_date, user_id, kind, state, due_at, send_at, late_until_at, expires_at, timezone, tzdata_version, zone_rule)
SELECT (to_char(d, 'YYYYMMDD') || left(md5(n::text), 4) || '8' || substr(md5(n::text), 5, 3) || '8' || substr(md5(n::text), 8, 15))::uuid,
    d, lpad(to_hex(n %% 100000), 32, '0')::uuid, 'birthday', CASE WHEN d < %(today)s THEN 'SENT' ELSE 'SCHEDULED' END,
    d + interval '9 hours', d + interval '9 hours', d + interval '1 day', d + interval '3 days', 'UTC', '2026a', 'EXACT'
FROM generate_series(0, %(messages)s - 1) n, LATERAL (SELECT %(first)s::date + (n %% %(days)s) AS d) AS day
"""
_PEOPLE = """
INSERT INTO recipients (user_id, epoch, version, email, first_name, last_name, locale, timezone, leap_day_rule, suppressed, deleted, erased)
SELECT lpad(to_hex(n), 32, '0')::uuid, 1, 1, '', '', '', 'en', 'UTC', 'FEB_28', '{}', false, false FROM generate_series(0, 99999) n
"""
_SLOTS = """
INSERT INTO occasions (user_id, kind, zone, month, day, leap_day_rule, known_at, active)
SELECT user_id, 'birthday', 'UTC', 1 + n % 12, 1 + n % 28, 'FEB_28', '2020-01-01Z', true
FROM (SELECT user_id, row_number() OVER () AS n FROM recipients) r
"""


@pytest.fixture(scope="module")
async def filled(databases: Any) -> AsyncIterator[str]:
    from scheduler_service.__main__ import MIGRATIONS
    from servicekit.postgres.migrations import migrate

    database = databases.create("scheduler", None)
    await asyncio.to_thread(migrate, database.url, "scheduler", MIGRATIONS)
    async with await psycopg.AsyncConnection.connect(database.url) as connection:
        await partitions.make(connection, FIRST, MONTHS)
        await connection.execute(_FILL, {"messages": MESSAGES, "first": FIRST, "today": TODAY, "days": 728})
        await connection.execute(_PEOPLE)
        await connection.execute(_SLOTS)
        await connection.commit()
        await connection.set_autocommit(True)
        await connection.execute("VACUUM ANALYZE")
    yield database.url
    databases.drop(database)


async def explain(url: str, statement: str, parameters: Any, tune: str = ways.BY_ROW) -> str:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(tune)
        text = await explain_within(connection, statement, parameters)
        await connection.rollback()
    return text


async def explain_within(connection: Any, statement: str, parameters: Any) -> str:
    cursor = await connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {statement}", parameters)
    return "\n".join(row[0] for row in await cursor.fetchall())


def months_read(text: str) -> set[str]:
    """The partitions that were read, not merely planned for."""
    lines = [line for line in text.splitlines() if "never executed" not in line]
    return {month for line in lines for month in re.findall(r"on (messages_(?:\d{4}_\d{2}))", line)}


def assert_no_table_read_whole(text: str) -> None:
    # The default partition is empty, and a page of it costs nothing to read.
    scans = [line for line in text.splitlines() if "Seq Scan on" in line and "messages_default" not in line]
    assert scans == [], text


def rows_read(text: str) -> int:
    """The rows that scans returned or threw away."""
    lines = text.splitlines()
    returned = [re.search(r"actual rows=([0-9.]+) loops=(\d+)", line) for line in lines if "Scan" in line]
    removed = [re.search(r"Rows Removed by Filter: (\d+)", line) for line in lines]
    return int(sum(float(m[1]) * int(m[2]) for m in returned if m) + sum(int(m[1]) for m in removed if m))


async def test_the_lock_of_a_batch_of_users(filled: str) -> None:
    text = await explain(filled, replan._LOCK_MESSAGES, [[USER, UUID(int=9)], TODAY - timedelta(days=62)])
    assert_no_table_read_whole(text)
    assert min(months_read(text)) == "messages_2026_04"
    assert rows_read(text) < 50, text
    for statement in (recipients._LOCK, recipients._LOCK_SLOTS):
        assert rows_read(await explain(filled, statement, [[USER]])) < 10


async def test_the_lock_of_messages_that_hold_a_year(filled: str) -> None:
    held = message_id(USER, "birthday", date(2025, 8, 3))
    text = await explain(filled, replan._LOCK_HELD, [[held], date(2025, 8, 3), date(2025, 8, 3), TODAY - timedelta(days=62)])
    assert_no_table_read_whole(text)
    assert months_read(text) == {"messages_2025_08"}


async def test_the_writes_of_a_batch(filled: str) -> None:
    day = date(2026, 7, 1)
    identity = message_id(USER, "birthday", day)
    instant = datetime(2026, 7, 1, 9, tzinfo=UTC)
    row: dict[str, Any] = {
        "id": [identity],
        "local_date": [day],
        "state": ["CANCELLED"],
        "revision": [2],
        "timezone": ["UTC"],
        "tzdata_version": ["2026a"],
        "zone_rule": ["EXACT"],
        "asked_revision": [0],
        "reason": [""],
        "moved_from": [None],
        "now": instant,
        "first": day,
        "last": day,
    }
    moments = {name: [instant] for name in ("due_at", "send_at", "late_until_at", "expires_at")}
    text = await explain(filled, messages._UPDATE, row | moments)
    assert_no_table_read_whole(text)
    assert months_read(text) <= {"messages_2026_07"}
    assert rows_read(text) < 10, text


AFTER = (TODAY, message_id(USER, "birthday", TODAY))


@pytest.mark.parametrize(
    ("wanted", "after", "most_rows"),
    [
        (MessageFilter(), None, 2000),
        (MessageFilter(), AFTER, 2000),
        (MessageFilter(user_id=USER), None, 100),
        (MessageFilter(local_date=TODAY), None, 100),
        (MessageFilter(local_date=TODAY), AFTER, 100),
        (MessageFilter(user_id=USER, local_date=TODAY), None, 100),
        (MessageFilter(state=State.FAILED), None, 100),
        (MessageFilter(state=State.UNCERTAIN), AFTER, 100),
        (MessageFilter(state=State.SCHEDULED), None, 2000),
        (MessageFilter(state=State.SENT), AFTER, 2000),
        (MessageFilter(kind="birthday"), AFTER, 2000),
    ],
    ids=str,
)
async def test_lists_read_little_more_than_they_show(
    filled: str, wanted: MessageFilter, after: tuple[date, UUID] | None, most_rows: int
) -> None:
    statement, parameters = queries.list_statement(wanted, after, TODAY - timedelta(days=5))
    text = await explain(filled, statement, parameters | {"limit": 51}, ways.IN_ORDER)
    assert_no_table_read_whole(text)
    assert rows_read(text) <= most_rows, text


async def test_one_message(filled: str) -> None:
    text = await explain(filled, queries._MESSAGE, [message_id(USER, "birthday", TODAY), TODAY])
    assert_no_table_read_whole(text)
    assert months_read(text) == {"messages_2026_06"}


async def test_planning_goes_from_slot_to_slot(filled: str) -> None:
    now = datetime(2026, 6, 15, tzinfo=UTC)
    birthday = rules().kinds["birthday"]
    instants = [instant for instant in day_instants(birthday, now, timedelta(hours=48)) if instant.moments.timezone == "UTC"]
    recorder = Recorder(partial(explain, filled, tune=ways.BY_ROW))
    slices = await plan.slices(recorder, "birthday", instants, 100)  # type: ignore[arg-type]
    assert slices == []
    assert_no_table_read_whole(recorder.text)
    async with await psycopg.AsyncConnection.connect(filled) as connection:
        await connection.execute(ways.BY_ROW)
        slices = await plan.slices(connection, "birthday", instants, 100)
    await plan.plan(recorder, birthday, slices[:3], now)  # type: ignore[arg-type]
    assert_no_table_read_whole(recorder.text)
    assert months_read(recorder.text) <= {"messages_2026_06"}
    # Slots, their messages, and the steps between: a few rows for each person of these slices, out of 100,000.
    people = sum(piece.size for piece in slices[:3])
    assert 0 < people <= 300
    assert rows_read(recorder.text) <= 8 * people, recorder.text


async def test_planning_again_reads_no_slot_but_the_index_of_the_day(filled: str) -> None:
    now = datetime(2026, 6, 15, tzinfo=UTC)
    birthday = rules().kinds["birthday"]
    instants = [instant for instant in day_instants(birthday, now, timedelta(hours=48)) if instant.moments.timezone == "UTC"]
    async with await psycopg.AsyncConnection.connect(filled) as connection:
        await connection.execute(ways.BY_ROW)
        slices = (await plan.slices(connection, "birthday", instants, 100))[:3]
        planned = await plan.plan(connection, birthday, slices, now)
        recorder = Recorder(partial(explain_within, connection))
        await plan.plan(recorder, birthday, slices, now)  # type: ignore[arg-type]
        await connection.rollback()
    read = [line for line in recorder.text.splitlines() if "occasions_by_day" in line and "never executed" not in line]
    assert planned > 0
    assert ["Index Only Scan" in line for line in read] == [True], recorder.text
    assert "Heap Fetches: 0" in recorder.text


async def test_moving_reads_what_waits_in_the_dates_of_the_horizon(filled: str) -> None:
    now = datetime(2026, 6, 15, tzinfo=UTC)
    instants = day_instants(rules().kinds["birthday"], now, timedelta(hours=96))
    for statement, way in ((plan.shifts, ways.BY_HASH_ALONE), (plan.move, ways.BY_HASH)):
        recorder = Recorder(partial(explain, filled, tune=way))
        await statement(recorder, "birthday", instants, now)  # type: ignore[arg-type]
        assert_no_table_read_whole(recorder.text)
        assert months_read(recorder.text) <= {"messages_2026_06"}


class Recorder:
    """Stands in for a connection: explains instead of executing."""

    def __init__(self, explain: Callable[[str, Any], Awaitable[str]]) -> None:
        self._explain = explain
        self.text = ""
        self.rowcount = 0

    async def execute(self, statement: str, parameters: Any) -> "Recorder":
        self.text = await self._explain(statement, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        return []

    async def fetchone(self) -> Sequence[Any]:
        return [0]
