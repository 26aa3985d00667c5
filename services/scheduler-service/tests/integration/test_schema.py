"""Migrations, partitions, and what the database itself refuses."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine as create_sync_engine
from sqlalchemy import make_url

from scheduler_service.__main__ import MIGRATIONS
from scheduler_service.adapters.postgres import partitions
from scheduler_service.domain import State
from scheduler_service.testing import ADA, DAY, Desk, PostgresWorld, person
from servicekit import failpoint
from servicekit.failpoint import FailpointReached
from servicekit.postgres.migrations import migrate

EVE = DAY - timedelta(hours=20)
MARCH = date(2026, 3, 1)


@pytest.fixture
async def connection(engine: Any) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def desk(engine: Any) -> Desk:
    return Desk(PostgresWorld(engine))


async def months(connection: psycopg.AsyncConnection[Any]) -> set[date]:
    return await partitions._months(connection)


async def test_months_are_made_once_from_any_number_of_replicas(desk: Desk, connection: Any) -> None:
    store = desk.world.at(DAY).plans
    made = await asyncio.gather(*(store.make_partitions(date(2031, 11, 20), 3) for _ in range(6)))
    assert sorted(made) == [0, 0, 0, 0, 0, 3]
    assert {date(2031, 11, 1), date(2031, 12, 1), date(2032, 1, 1)} <= await months(connection)


async def test_rows_that_came_before_their_month_move_into_it(desk: Desk, connection: Any) -> None:
    await desk.take(EVE, person())
    store = desk.world.at(DAY).plans
    assert await store.rows_in_default_partition() == 1
    assert await store.make_partitions(MARCH, 1) == 1
    assert (await store.rows_in_default_partition(), (await desk.message()).state) == (0, State.SCHEDULED)
    [row] = await (await connection.execute("SELECT count(*) FROM messages_2026_03")).fetchall()
    assert row[0] == 1


async def test_a_made_month_has_the_indexes_and_the_room_for_updates(desk: Desk, connection: Any) -> None:
    await desk.world.at(DAY).plans.make_partitions(MARCH, 1)
    rows = await (await connection.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'messages_2026_03'")).fetchall()
    assert len(rows) == 6
    [row] = await (await connection.execute("SELECT reloptions FROM pg_class WHERE relname = 'messages_2026_03'")).fetchall()
    assert row[0] == ["fillfactor=60"]


async def test_a_month_is_retired_when_it_has_ended_before_the_date(desk: Desk, connection: Any) -> None:
    store = desk.world.at(DAY).plans
    await store.make_partitions(MARCH, 2)
    assert await store.retire_partitions(date(2026, 4, 30)) == 1
    found = await months(connection)
    assert (MARCH in found, date(2026, 4, 1) in found) == (False, True)


async def test_the_plan_job_counts_what_it_did_to_partitions(desk: Desk) -> None:
    await desk.take(EVE, person())
    counts = await desk.planner(EVE).plan()
    assert (counts["partitions_made"], counts["rows_in_default_partition"]) == (3, 1)
    assert (await desk.planner(EVE).plan())["rows_in_default_partition"] == 0


async def test_the_database_refuses_a_state_it_does_not_know(desk: Desk, connection: Any) -> None:
    await desk.take(EVE, person())
    with pytest.raises(psycopg.errors.CheckViolation):
        await connection.execute("UPDATE messages SET state = 'LOST'")


async def test_the_database_refuses_an_active_slot_without_a_date(desk: Desk, connection: Any) -> None:
    await desk.take(EVE, person())
    with pytest.raises(psycopg.errors.CheckViolation):
        await connection.execute("UPDATE occasions SET month = NULL WHERE user_id = %s", [ADA])


async def test_a_crash_between_the_writes_of_a_change_leaves_no_trace(desk: Desk) -> None:
    await desk.take(EVE, person(), offset=1)
    failpoint.arm({"scheduler.replan.between_writes": "raise"})
    try:
        with pytest.raises(FailpointReached):
            await desk.take(EVE, person(version=2, deleted=True), offset=2)
    finally:
        failpoint.arm({})
    assert (await desk.message()).state is State.SCHEDULED
    stored = await desk.world.at(EVE).replans.stored_offsets("test", [("changes", 0)])
    assert stored == {("changes", 0): 1}
    await desk.take(EVE, person(version=2, deleted=True), offset=2)
    assert (await desk.message()).state is State.CANCELLED


def test_migrations_go_down_and_up_again(database: Any) -> None:
    empty = database("scheduler", migrate=None)
    migrate(empty.url, "scheduler", MIGRATIONS)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with create_sync_engine(make_url(empty.url).set(drivername="postgresql+psycopg")).connect() as connection:
        config.attributes.update(connection=connection, schema="scheduler")
        command.downgrade(config, "base")
        connection.commit()
        left = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'scheduler'").scalars().all()
    assert left == ["alembic_version"]
    migrate(empty.url, "scheduler", MIGRATIONS)


async def test_fresh_from_migrating_there_are_months_to_write_to(connection: Any) -> None:
    [row] = await (await connection.execute("SELECT clock_timestamp()")).fetchall()
    now: datetime = row[0]
    assert now.date().replace(day=1) in await months(connection)
