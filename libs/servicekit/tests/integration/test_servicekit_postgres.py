import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backing.pytest_plugin import CreateDatabase
from backing.wire import Wire
from servicekit import grpc_context
from servicekit.clock import monotonic
from servicekit.errors import Unavailable
from servicekit.grpc_context import RequestContext
from servicekit.postgres import (
    BigintArray,
    BoolArray,
    DateArray,
    IntArray,
    TextArray,
    TimestamptzArray,
    UuidArray,
    binary_cursor,
    create_engine,
    database_now,
    microseconds,
    ping,
    raw,
    retrying,
    transaction,
    violated_constraint,
)
from servicekit.settings import PostgresSettings


@pytest.fixture
async def engine(database: CreateDatabase) -> AsyncIterator[AsyncEngine]:
    made = create_engine(_settings(database("servicekit", migrate=None).url), "servicekit-test")
    yield made
    await made.dispose()


def _settings(url: str, **overrides: float) -> PostgresSettings:
    return PostgresSettings.model_validate({"database_url": url, "database_pool_size": 4, **overrides})


async def test_binary_arrays_arrive_as_they_were_sent(engine: AsyncEngine) -> None:
    ids = [os.urandom(16) for _ in range(1000)]
    times = [microseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC) + timedelta(days=31 * n)) for n in range(1000)]
    async with transaction(engine) as connection:
        cursor = binary_cursor(await raw(connection))
        await cursor.execute("SELECT * FROM unnest(%s::uuid[], %s::timestamptz[])", [UuidArray(ids), TimestamptzArray(times)])
        rows = await cursor.fetchall()
        await cursor.execute("SELECT cardinality(%s::uuid[]), cardinality(%s::timestamptz[])", [UuidArray([]), TimestamptzArray([])])
        empty = await cursor.fetchone()
    assert rows == list(zip(ids, times, strict=True))
    assert empty == (0, 0)


async def test_plain_values_arrive_as_they_were_sent(engine: AsyncEngine) -> None:
    columns = {
        "text": (TextArray, ["", "é", 'a,{}"\\NULL', "twice", "twice"]),
        "int": (IntArray, [0, -1, 2**31 - 1, -(2**31), 7]),
        "bigint": (BigintArray, [0, -1, 2**63 - 1, -(2**63), 7]),
        "bool": (BoolArray, [True, False, False, True, True]),
        "date": (DateArray, [date.min, date(1999, 12, 31), date(2000, 1, 1), date(2024, 2, 29), date.max]),
    }
    async with transaction(engine) as connection:
        cursor = binary_cursor(await raw(connection))
        for kind, (array, values) in columns.items():
            await cursor.execute(f"SELECT unnest(%s::{kind}[])".encode(), [array(values)])
            assert [row[0] for row in await cursor.fetchall()] == values
            await cursor.execute(f"SELECT cardinality(%s::{kind}[])".encode(), [array([])])
            assert await cursor.fetchone() == (0,)


async def test_an_array_of_anything_but_sixteen_bytes_is_refused(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        with pytest.raises(ValueError, match="a uuid has 16 bytes"):
            await binary_cursor(await raw(connection)).execute("SELECT %s::uuid[]", [UuidArray([b"short"])])


async def test_a_transaction_that_raises_leaves_nothing_behind(engine: AsyncEngine) -> None:
    await _create_table(engine)
    with suppress(LookupError):
        async with transaction(engine) as connection:
            await connection.execute(text("INSERT INTO things VALUES (1)"))
            raise LookupError
    assert await _count(engine) == 0


async def test_a_deadlock_is_tried_again(engine: AsyncEngine) -> None:
    await _create_table(engine, 1, 2)
    both_hold_one = asyncio.Barrier(2)
    runs: list[int] = []

    async def lock_in_order(connection: AsyncConnection, first: int, second: int) -> None:
        runs.append(first)
        await connection.execute(text("UPDATE things SET id = id WHERE id = :id"), {"id": first})
        if len(runs) <= 2:
            await both_hold_one.wait()
        await connection.execute(text("UPDATE things SET id = id WHERE id = :id"), {"id": second})

    await asyncio.gather(
        retrying(engine, lambda connection: lock_in_order(connection, 1, 2)),
        retrying(engine, lambda connection: lock_in_order(connection, 2, 1)),
    )
    assert len(runs) == 3


async def test_a_violated_constraint_is_named_and_is_no_outage(engine: AsyncEngine) -> None:
    await _create_table(engine, 1)
    with pytest.raises(IntegrityError) as raised:
        async with transaction(engine) as connection:
            await connection.execute(text("INSERT INTO things VALUES (1)"))
    assert violated_constraint(raised.value) == "things_pkey"
    assert violated_constraint(ValueError()) is None


async def test_a_server_that_is_away_is_unavailable() -> None:
    engine = create_engine(_settings("postgresql://nobody:none@127.0.0.1:1/none"), "servicekit-away")
    with pytest.raises(Unavailable, match="The database does not answer"):
        await ping(engine)


async def test_a_connection_that_is_cut_is_unavailable_and_the_next_one_works(engine: AsyncEngine) -> None:
    with pytest.raises(Unavailable):
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await ping(engine)


async def test_a_full_pool_is_unavailable_within_its_time_and_still_ready(database: CreateDatabase) -> None:
    url = database("servicekit", migrate=None).url
    engine = create_engine(_settings(url, database_pool_size=1, database_pool_overflow=0, database_pool_timeout_seconds=0.1), "full")
    async with transaction(engine):
        with pytest.raises(Unavailable):
            async with transaction(engine) as second:
                await database_now(second)
        await ping(engine)  # busy is not unready
    await engine.dispose()


async def test_the_servers_clock_moves_within_a_transaction_and_by_the_offset(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        first, second = await database_now(connection), await database_now(connection, 3600)
    assert timedelta(hours=1) < second - first < timedelta(hours=1, seconds=10)


async def test_a_statement_past_its_time_is_ended_and_says_unavailable(database: CreateDatabase) -> None:
    engine = create_engine(_settings(database("servicekit", migrate=None).url, database_statement_timeout_seconds=0.1), "timeout")
    with pytest.raises(Unavailable):
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT pg_sleep(5)"))
    await engine.dispose()


@asynccontextmanager
async def _engine_over_a_wire(url: str, **settings: float) -> AsyncIterator[tuple[AsyncEngine, Wire]]:
    address = make_url(url)
    with Wire(f"{address.host}:{address.port}") as wire:
        far = address.set(host="127.0.0.1", port=int(wire.address.rpartition(":")[2]))
        engine = create_engine(_settings(far.render_as_string(hide_password=False), **settings), "over-a-wire")
        yield engine, wire
        await engine.dispose()


async def test_a_silent_server_is_not_waited_for_and_known_to_be_silent_until_it_answers(database: CreateDatabase) -> None:
    url = database("servicekit", migrate=None).url
    async with _engine_over_a_wire(url, database_statement_timeout_seconds=0.1, database_connect_timeout_seconds=2) as (engine, wire):
        await ping(engine)
        wire.is_dead = True
        with pytest.raises(Unavailable):
            async with asyncio.timeout(20):
                await ping(engine)
        with pytest.raises(Unavailable):
            async with asyncio.timeout(20):
                await ping(engine)  # by a new connection
        tried = wire.joined
        for _ in range(20):
            with pytest.raises(Unavailable):
                async with transaction(engine) as connection:
                    await database_now(connection)
        assert wire.joined == tried, "only probes try a silent server"
        wire.is_dead = False
        await ping(engine)
        async with transaction(engine) as connection:
            await database_now(connection)


async def test_a_served_call_hears_of_a_silent_server_before_its_time_is_over(database: CreateDatabase) -> None:
    async with _engine_over_a_wire(database("servicekit", migrate=None).url) as (engine, wire):
        await ping(engine)
        wire.is_dead = True
        with grpc_context.serving(RequestContext(deadline=monotonic() + 6)), pytest.raises(Unavailable):
            async with asyncio.timeout(5.9):
                await ping(engine)


async def test_a_slow_statement_is_no_silent_server(engine: AsyncEngine) -> None:
    async def look_again_and_again() -> None:
        while True:
            await ping(engine)
            await asyncio.sleep(0.1)

    looks = asyncio.create_task(look_again_and_again())
    with grpc_context.serving(RequestContext(deadline=monotonic() + 1)), pytest.raises(Unavailable):
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT pg_sleep(20)"))
    async with transaction(engine) as connection:
        await database_now(connection)
    looks.cancel()


async def test_statements_are_counted_on_both_ways(engine: AsyncEngine) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("database_statements_total", {"database": "servicekit-test"}) or 0

    before = counted()
    async with transaction(engine) as connection:
        await connection.execute(text("SELECT 1"))
        await binary_cursor(await raw(connection)).execute("SELECT 2")
    assert counted() - before == 2


async def _create_table(engine: AsyncEngine, *ids: int) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text("CREATE TABLE things (id int PRIMARY KEY)"))
        for each in ids:
            await connection.execute(text("INSERT INTO things VALUES (:id)"), {"id": each})


async def _count(engine: AsyncEngine) -> int:
    async with transaction(engine) as connection:
        return int((await connection.execute(text("SELECT count(*) FROM things"))).scalar_one())
