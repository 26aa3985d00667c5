"""The plan of each statement on 300,000 rows in 24 months: by index, and in no month that it need not look into."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from notifier_service.adapters.postgres import entries, reader
from notifier_service.adapters.postgres.partitions import month
from occasions.identity import message_id
from servicekit.postgres import create_engine, migrate, transaction
from servicekit.settings import PostgresSettings

TODAY = date(2026, 11, 25)
PARTITIONS = 24
ROWS = 300_000


@pytest.fixture(scope="module")
async def filled(databases: Any) -> AsyncIterator[AsyncEngine]:
    """24 months of rows, nearly all of them SENT."""
    made = databases.create("notifier", lambda url: migrate(url, "notifier", Path(__file__).parents[2] / "migrations"))
    engine = create_engine(PostgresSettings(database_url=SecretStr(made.url)), "test")
    async with transaction(engine) as connection:
        for n in range(PARTITIONS):
            first, after = month(TODAY, n - PARTITIONS + 1), month(TODAY, n - PARTITIONS + 2)
            for table in ("deliveries", "attempts"):
                name = f"{table}_{first:%Y_%m}"
                await connection.execute(text(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{first}') TO ('{after}')"))
        await connection.execute(text(FILL), {"last": TODAY, "rows": ROWS})
        await connection.execute(text("ANALYZE deliveries"))
    yield engine
    await engine.dispose()
    databases.drop(made)


FILL = """
INSERT INTO deliveries (id, local_date, user_id, state, revision, replay, fence, tomb, unsure, digest, attempts, created_at, updated_at)
SELECT (to_char(day, 'YYYYMMDD') || substr(hash, 1, 4) || '8' || substr(hash, 5, 3) || '8' || substr(hash, 8, 15))::uuid,
    day, md5((n % 5000)::text)::uuid, CASE WHEN n % 1000 = 0 THEN 'UNCERTAIN' ELSE 'SENT' END, 1, 0, 1, 0, false,
    '00000000-0000-0000-0000-000000000000', 1, now(), now()
FROM generate_series(1, :rows) n, LATERAL (SELECT CAST(:last AS date) - n % 700 AS day, md5(n::text) AS hash) d
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


async def explain(engine: AsyncEngine, query: str, parameters: Any) -> list[dict[str, Any]]:
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        cursor = driver.cursor()
        await cursor.execute(f"EXPLAIN (FORMAT JSON, ANALYZE) {query}", parameters)
        (found,) = await cursor.fetchone()
        await driver.rollback()
    plan = found if isinstance(found, list) else json.loads(found)
    return list(nodes(plan[0]["Plan"]))


def touched(plan: list[dict[str, Any]]) -> set[str]:
    """The tables that were read."""
    read = [node for node in plan if node.get("Actual Loops", 1) and node["Node Type"] != "ModifyTable"]
    return {node["Relation Name"] for node in read if "Relation Name" in node}


def assert_indexed(plan: list[dict[str, Any]]) -> None:
    scans = [node for node in plan if node["Node Type"] == "Seq Scan" and node.get("Actual Loops")]
    assert not [node["Relation Name"] for node in scans if not node["Relation Name"].endswith("_default")]


async def test_the_lock_of_a_day_looks_into_its_month_only(filled: AsyncEngine) -> None:
    ids = [message_id(uuid4(), "birthday", TODAY).hex for _ in range(100)]
    plan = await explain(filled, entries._LOCK, (ids, TODAY, TODAY))
    assert_indexed(plan)
    assert touched(plan) == {"deliveries_2026_11"}


async def test_one_delivery_is_found_in_its_month(filled: AsyncEngine) -> None:
    plan = await explain(filled, reader._DELIVERY, (message_id(uuid4(), "birthday", TODAY).hex, TODAY))
    assert_indexed(plan)
    assert touched(plan) == {"deliveries_2026_11"}


LISTS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "all": ([], {}),
    "of a user": (["user_id = %(user)s::uuid"], {"user": UUID(int=5).hex}),
    "uncertain": (["exception_state = %(state)s"], {"state": "UNCERTAIN"}),
    "sent": (["state = %(state)s"], {"state": "SENT"}),
}


@pytest.mark.parametrize("name", LISTS)
async def test_a_page_of_a_list_reads_little(filled: AsyncEngine, name: str) -> None:
    conditions, parameters = LISTS[name]
    query = reader._DELIVERIES.format(" AND ".join(["true", *conditions]))
    plan = await explain(filled, query, {"size": 51, **parameters})
    assert_indexed(plan)
    assert max(node["Actual Rows"] * node["Actual Loops"] for node in plan) <= 51 + PARTITIONS


async def test_a_later_page_prunes_the_months_after_it(filled: AsyncEngine) -> None:
    after = message_id(uuid4(), "birthday", date(2025, 3, 3)).hex
    query = reader._DELIVERIES.format("true AND id < %(after)s::uuid AND local_date <= %(date)s::date")
    plan = await explain(filled, query, {"size": 51, "after": after, "date": after[:8]})
    assert_indexed(plan)
    assert all(name <= "deliveries_2025_03" for name in touched(plan) - {"deliveries_default"})
