import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backing.pytest_plugin import CreateDatabase
from servicekit.kafka import KafkaUnavailable, Record
from servicekit.outbox import Outbox, Relay
from servicekit.postgres import create_engine, transaction
from servicekit.settings import PostgresSettings
from servicekit.testing import MemoryBroker, MemoryProducer, wait_until

OUTBOX = Outbox()


@pytest.fixture
async def engine(database: CreateDatabase) -> AsyncIterator[AsyncEngine]:
    url = database("servicekit", migrate=None).url
    made = create_engine(PostgresSettings.model_validate({"database_url": url}), "outbox-test")
    async with transaction(made) as connection:
        for statement in OUTBOX.create_statements():
            await connection.execute(text(statement))
    yield made
    await made.dispose()


def _records(key: bytes, *values: int) -> list[Record]:
    return [Record("changes", key, str(value).encode(), (("trace", b"\x00\xff"),)) for value in values]


async def _add(engine: AsyncEngine, records: Sequence[Record]) -> None:
    async with transaction(engine) as connection:
        await OUTBOX.add(connection, records)


async def _rows(engine: AsyncEngine) -> int:
    async with transaction(engine) as connection:
        return int((await connection.execute(text("SELECT count(*) FROM outbox"))).scalar_one())


def _values(broker: MemoryBroker, key: bytes) -> list[int]:
    return [int(record.value) for record in broker.records("changes") if record.key == key]


async def test_rows_are_relayed_as_they_were_and_deleted(engine: AsyncEngine) -> None:
    broker = MemoryBroker()
    await _add(engine, [Record("changes", b"\x00key", b"\x00value", (("trace", b"\x00\xff"),))])
    assert await Relay(engine, OUTBOX, MemoryProducer(broker)).relay_batch() == 1
    [received] = broker.records("changes")
    assert (received.key, received.value, received.headers) == (b"\x00key", b"\x00value", (("trace", b"\x00\xff"),))
    assert await _rows(engine) == 0


async def test_a_transaction_that_fails_sends_nothing(engine: AsyncEngine) -> None:
    broker = MemoryBroker()
    with suppress(LookupError):
        async with transaction(engine) as connection:
            await OUTBOX.add(connection, _records(b"a", 1))
            raise LookupError
    assert await Relay(engine, OUTBOX, MemoryProducer(broker)).relay_batch() == 0


async def test_rows_stay_while_kafka_is_away_and_leave_later(engine: AsyncEngine) -> None:
    broker = MemoryBroker()
    producer = MemoryProducer(broker)
    producer.failure = KafkaUnavailable()
    await _add(engine, _records(b"a", 1, 2))
    relay = Relay(engine, OUTBOX, producer)
    with pytest.raises(KafkaUnavailable):
        await relay.relay_batch()
    assert await _rows(engine) == 2
    producer.failure = None
    await relay.relay_batch()
    assert _values(broker, b"a") == [1, 2]


async def test_a_keys_next_row_leaves_only_after_the_earlier_one_is_acknowledged(engine: AsyncEngine) -> None:
    batches: list[list[bytes]] = []

    class Recorder:
        async def produce(self, records: Sequence[Record]) -> None:
            batches.append([record.key + record.value for record in records])

    await _add(engine, [*_records(b"a", 1, 2, 3), *_records(b"b", 1, 2)])
    await Relay(engine, OUTBOX, Recorder()).relay_batch()
    assert batches == [[b"a1", b"b1"], [b"a2", b"b2"], [b"a3"]]


async def test_two_relays_and_many_writers_keep_the_order_of_each_key(engine: AsyncEngine) -> None:
    broker = MemoryBroker()

    class Slow(MemoryProducer):
        async def produce(self, records: Sequence[Record]) -> None:
            await asyncio.sleep(0.002)
            await super().produce(records)

    relays = [Relay(engine, OUTBOX, Slow(broker), batch=7, poll_seconds=0.01) for _ in range(2)]
    for relay in relays:
        await relay.start()

    async def write(key: bytes) -> None:
        for value in range(20):
            await _add(engine, _records(key, value))
            relays[0].wake()

    keys = [f"key-{n}".encode() for n in range(8)]
    await asyncio.gather(*map(write, keys))
    await wait_until(lambda: len(broker.records("changes")) == 160, timeout_seconds=20, what="all rows")
    for relay in relays:
        await relay.stop()
    assert {key: _values(broker, key) for key in keys} == {key: list(range(20)) for key in keys}
    assert await _rows(engine) == 0


async def test_a_relay_that_lost_its_locks_time_sends_nothing_more(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servicekit.outbox.LOCK_TRUSTED_SECONDS", -1)
    broker = MemoryBroker()
    await _add(engine, _records(b"a", 1))
    assert await Relay(engine, OUTBOX, MemoryProducer(broker)).relay_batch() == 0
    assert (broker.records("changes"), await _rows(engine)) == ([], 1)
