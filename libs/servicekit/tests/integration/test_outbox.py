from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backing.pytest_plugin import CreateDatabase
from servicekit.kafka import Producer, Record
from servicekit.outbox import Outbox, Relay
from servicekit.postgres import create_engine, transaction
from servicekit.settings import PostgresSettings
from servicekit.testing import MemoryBroker, MemoryProducer
from servicekit.testing.outbox_contract import OutboxContract, rows_of

OUTBOX = Outbox()


class PostgresOutbox:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._at_work: Sequence[Relay] = ()

    async def add(self, records: Sequence[Record]) -> None:
        async with transaction(self.engine) as connection:
            await OUTBOX.add(connection, records)
        for relay in self._at_work[:1]:
            relay.wake()

    async def rows(self) -> int:
        async with transaction(self.engine) as connection:
            return int((await connection.execute(text("SELECT count(*) FROM outbox"))).scalar_one())

    def relay(self, producer: Producer) -> Relay:
        return Relay(self.engine, OUTBOX, producer, batch=7, poll_seconds=0.01)

    @asynccontextmanager
    async def at_work(self, relays: Sequence[Relay]) -> AsyncIterator[None]:
        self._at_work = relays
        try:
            for relay in relays:
                await relay.start()
            yield
        finally:
            for relay in relays:
                await relay.stop()

    async def end_idle(self) -> None:
        async with transaction(self.engine) as connection:
            idle = "state = 'idle in transaction' AND usename = current_user AND datname = current_database()"
            await connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {idle}"))


@pytest.fixture
async def outbox(database: CreateDatabase) -> AsyncIterator[PostgresOutbox]:
    url = database("servicekit", migrate=None).url
    engine = create_engine(PostgresSettings.model_validate({"database_url": url}), "outbox-test")
    async with transaction(engine) as connection:
        for statement in OUTBOX.create_statements():
            await connection.execute(text(statement))
    yield PostgresOutbox(engine)
    await engine.dispose()


class TestRelay(OutboxContract):
    """Over Postgres."""


async def test_a_transaction_that_fails_sends_nothing(outbox: PostgresOutbox) -> None:
    broker = MemoryBroker()
    with suppress(LookupError):
        async with transaction(outbox.engine) as connection:
            await OUTBOX.add(connection, rows_of(b"a", [1]))
            raise LookupError
    assert await outbox.relay(MemoryProducer(broker)).relay_batch() == 0
