"""What only a real Postgres shows: plans, in-page updates, races, partitions, outages."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from notifier_service.adapters.postgres import Partitions, PostgresDeliveryReader, PostgresLedger, entries, reader, results
from notifier_service.adapters.postgres.partitions import month
from notifier_service.domain import Due, Result, State, Terms, Tried, Verdict, conclude
from notifier_service.ports import Page
from occasions.identity import message_id
from servicekit.postgres import transaction

Make = Callable[..., Due]
TERMS = Terms()
TODAY = date(2026, 11, 25)


@pytest.fixture
def ledger(engine: AsyncEngine) -> PostgresLedger:
    return PostgresLedger(engine, TERMS)


async def send(ledger: PostgresLedger, dues: list[Due]) -> None:
    claims = await ledger.claim(dues)
    accepted = Result(Tried.ACCEPTED, provider="p", provider_message_id="m", calls=1)
    await ledger.record(
        [conclude(j.entry, due, accepted, claims.now_us, TERMS) for due, j in zip(dues, claims.judgements, strict=True) if j.entry]
    )


async def scalar(engine: AsyncEngine, query: str) -> Any:
    async with transaction(engine) as connection:
        return (await connection.execute(text(query))).scalar_one()


async def test_of_many_claimants_one_wins(ledger: PostgresLedger, make_due: Make) -> None:
    dues = [make_due() for _ in range(50)]
    claims = await asyncio.gather(*[ledger.claim(dues[::step]) for step in (1, -1, 1, -1, 1, -1)])
    for id_ in {due.id for due in dues}:
        verdicts = [j.verdict for claim in claims for j in claim.judgements if j.entry and j.entry.id == id_]
        assert verdicts.count(Verdict.SEND) == 1
    assert sum(j.verdict is Verdict.WAIT for claim in claims for j in claim.judgements) == 250


async def test_claims_results_and_cancels_do_not_deadlock(ledger: PostgresLedger, make_due: Make, cancel_of: Callable[..., Any]) -> None:
    dues = [make_due() for _ in range(100)]
    for _ in range(3):
        await asyncio.gather(
            ledger.claim(dues), ledger.cancel([cancel_of(due) for due in dues[::-1]]), send(ledger, dues[::2]), ledger.claim(dues[::-1])
        )
    states = [(await PostgresDeliveryReader(ledger._engine).delivery(due.id, due.local_date)) for due in dues]
    assert all(entry is not None and entry.tomb == 1 for entry in states)


async def test_the_update_that_ends_a_claim_stays_within_its_page(engine: AsyncEngine, ledger: PostgresLedger, make_due: Make) -> None:
    await Partitions(engine, 730).keep()
    for _ in range(5):
        await send(ledger, [make_due() for _ in range(200)])
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
    updated = await scalar(engine, "SELECT sum(n_tup_upd)::int FROM pg_stat_user_tables WHERE relname LIKE 'deliveries%'")
    hot = await scalar(engine, "SELECT sum(n_tup_hot_upd)::int FROM pg_stat_user_tables WHERE relname LIKE 'deliveries%'")
    assert updated >= 1000
    assert hot == updated


async def test_months_are_made_ahead_and_a_second_time_changes_nothing(engine: AsyncEngine, ledger: PostgresLedger, make_due: Make) -> None:
    for _ in range(2):
        await asyncio.gather(*[Partitions(engine, 730).keep() for _ in range(3)])
    await send(ledger, [make_due()])
    assert await scalar(engine, "SELECT count(*) FROM deliveries_default") == 0
    assert await scalar(engine, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'deliveries'::regclass") == 7


async def test_a_month_nobody_made_falls_into_the_default_partition(engine: AsyncEngine, ledger: PostgresLedger, make_due: Make) -> None:
    await Partitions(engine, 730).keep()
    await send(ledger, [make_due(local_date=date(2031, 5, 5))])
    assert await scalar(engine, "SELECT count(*) FROM deliveries_default") == 1


async def test_months_past_the_retention_are_dropped(engine: AsyncEngine) -> None:
    for year in (2020, 2021):
        async with transaction(engine) as connection:
            bounds = f"FROM ('{year}-05-01') TO ('{year}-06-01')"
            await connection.execute(text(f"CREATE TABLE deliveries_{year}_05 PARTITION OF deliveries FOR VALUES {bounds}"))
    await Partitions(engine, 730).keep()
    names = await scalar(engine, "SELECT string_agg(relid::regclass::text, ' ') FROM pg_partition_tree('deliveries')")
    assert "deliveries_2020_05" not in names
    assert "deliveries_2021_05" not in names
    assert "deliveries_default" in names


@pytest.mark.parametrize(("months", "expected"), [(1, (2026, 12)), (2, (2027, 1)), (-11, (2025, 12)), (0, (2026, 11))])
def test_months_roll_over_years(months: int, expected: tuple[int, int]) -> None:
    assert month(TODAY, months) == date(*expected, 1)


# Plans.

PARTITIONS = 24
ROWS = 4000


@pytest.fixture
async def filled(engine: AsyncEngine) -> AsyncEngine:
    """24 months of rows, most of them SENT."""
    async with transaction(engine) as connection:
        for n in range(PARTITIONS):
            first, after = month(TODAY, n - PARTITIONS + 1), month(TODAY, n - PARTITIONS + 2)
            for table in ("deliveries", "attempts"):
                name = f"{table}_{first:%Y_%m}"
                await connection.execute(text(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{first}') TO ('{after}')"))
        await connection.execute(text(FILL), {"last": TODAY, "rows": ROWS * PARTITIONS})
        await connection.execute(text("ANALYZE deliveries"))
    return engine


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


async def test_results_of_a_day_look_into_its_month_only(filled: AsyncEngine) -> None:
    ids = [message_id(uuid4(), "birthday", TODAY).hex for _ in range(100)]
    texts = {name: ["x"] * 100 for name in ("provider", "provider_message_id", "reason")}
    times = {name: ["epoch"] * 100 for name in ("first_unsure_at", "next_attempt_at", "sent_at")}
    numbers = {"fence": [1] * 100, "attempts": [1] * 100}
    more = {"state": ["SENT"] * 100, "unsure": [False] * 100, "first": TODAY, "last": TODAY + timedelta(days=1), "offset": 0}
    plan = await explain(filled, results._RECORD, {"id": ids, **texts, **times, **numbers, **more})
    assert_indexed(plan)
    assert touched(plan) <= {"deliveries_2026_11", "deliveries_default"}


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


async def test_pages_in_postgres_have_no_gap_and_no_repeat(engine: AsyncEngine, ledger: PostgresLedger, make_due: Make) -> None:
    dues = [make_due(local_date=TODAY - timedelta(days=n % 3)) for n in range(20)]
    await send(ledger, dues)
    query = PostgresDeliveryReader(engine)
    seen: list[bytes] = []
    while True:
        page = await query.deliveries(Page(6, (seen[-1].hex(),) if seen else ()), None, State.SENT)
        if not page:
            break
        seen += [entry.id for entry in page]
    assert seen == sorted((due.id for due in dues), reverse=True)


async def test_dead_letters_in_postgres_come_latest_first(engine: AsyncEngine, ledger: PostgresLedger, make_due: Make) -> None:
    for n in range(5):
        due = make_due()
        claims = await ledger.claim([due])
        entry = claims.judgements[0].entry
        assert entry is not None
        await ledger.record([conclude(entry, due, Result(Tried.PERMANENT, reason=f"http_{400 + n % 2}"), claims.now_us, TERMS)])
    query = PostgresDeliveryReader(engine)
    first = await query.list_dead_letters(Page(3), None, "")
    rest = await query.list_dead_letters(Page(3, (str(first[-1].created_us), first[-1].id.hex())), None, "")
    letters = first + rest
    assert len({letter.id for letter in letters}) == 5
    assert [letter.created_us for letter in letters] == sorted((letter.created_us for letter in letters), reverse=True)
    assert len(await query.list_dead_letters(Page(9), None, "http_401")) == 2
    assert len(await query.list_dead_letters(Page(9), letters[0].user_id, "")) == 1
