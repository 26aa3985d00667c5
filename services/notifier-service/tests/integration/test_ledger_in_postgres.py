"""What only a real Postgres shows: migrations, in-page updates, races, months, pages."""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from notifier_service.adapters.postgres import Partitions, PostgresDeliveryReader, PostgresLedger
from notifier_service.adapters.postgres.partitions import month
from notifier_service.domain import Due, Result, State, Terms, Tried, Verdict, conclude
from notifier_service.ports import Page
from servicekit.clock import unix_seconds
from servicekit.postgres import transaction
from servicekit.testing.locks import wait_until_it_waits

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


async def test_migrations_go_down_and_up_again(database: Callable[..., Any]) -> None:
    made = database("notifier")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    engine = sqlalchemy.create_engine(made.url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        config.attributes.update(connection=connection, schema="notifier")
        command.downgrade(config, "base")
        assert connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'notifier'")).scalar_one() == 1
        connection.commit()
        command.upgrade(config, "head")
        assert connection.execute(text("SELECT to_regclass('deliveries')::text")).scalar_one() == "deliveries"
        connection.commit()
    engine.dispose()


async def test_of_many_claimants_one_wins(ledger: PostgresLedger, make_due: Make) -> None:
    dues = [make_due() for _ in range(50)]
    claims = await asyncio.gather(*[ledger.claim(dues[::step]) for step in (1, -1, 1, -1, 1, -1)])
    for id_ in {due.id for due in dues}:
        verdicts = [j.verdict for claim in claims for j in claim.judgements if j.entry and j.entry.id == id_]
        assert verdicts.count(Verdict.SEND) == 1
    assert sum(j.verdict is Verdict.WAIT for claim in claims for j in claim.judgements) == 250


async def test_a_claim_goes_by_the_time_of_its_statement_not_of_its_transaction(
    engine: AsyncEngine, ledger: PostgresLedger, make_due: Make, now_us: int
) -> None:
    """A process can stand still between the two: what came due meanwhile is due, and the lease is not shorter for it."""
    began = unix_seconds()
    due = make_due(not_before=began + 0.5 - now_us / 1e6)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("SELECT pg_sleep(0.6)"))
    [judgement] = (await ledger.claim([due])).judgements
    assert judgement.verdict is Verdict.SEND
    assert judgement.entry is not None
    assert judgement.entry.lease_until_us is not None
    assert judgement.entry.lease_until_us - TERMS.lease_us >= (began + 0.6) * 1e6


async def test_entries_are_locked_in_the_order_of_their_ids(engine: AsyncEngine, ledger: PostgresLedger, make_due: Make) -> None:
    dues = sorted((make_due() for _ in range(3)), key=lambda due: due.id, reverse=True)
    await send(ledger, dues)
    async with engine.begin() as other:
        await other.execute(text("SELECT FROM deliveries ORDER BY id LIMIT 1 FOR UPDATE"))
        claiming = asyncio.create_task(ledger.claim(dues))
        await wait_until_it_waits(engine, claiming)
        async with engine.begin() as third:
            free = (await third.execute(text("SELECT FROM deliveries FOR UPDATE SKIP LOCKED"))).fetchall()
    await claiming
    assert len(free) == 2


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


async def test_a_stray_in_the_default_partition_does_not_stop_the_other_months(
    engine: AsyncEngine, ledger: PostgresLedger, make_due: Make
) -> None:
    this_month = await scalar(engine, "SELECT current_date")
    await send(ledger, [make_due(local_date=this_month)])
    await Partitions(engine, 730).keep()
    assert await scalar(engine, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'deliveries'::regclass") == 6
    await send(ledger, [make_due(local_date=this_month), make_due(local_date=month(this_month, 1))])
    assert await scalar(engine, "SELECT count(*) FROM deliveries_default") == 2


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
