"""What an outbox's relay promises: one suite for Postgres and for what stands in for it."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from servicekit import failpoint
from servicekit.kafka import KafkaUnavailable, Producer, Record
from servicekit.outbox import Relay
from servicekit.postgres import DatabaseUnavailable
from servicekit.testing import MemoryBroker, MemoryProducer, wait_until

TOPIC = "changes"


class OutboxWorld(Protocol):
    """An outbox, and replicas that relay it."""

    async def add(self, records: Sequence[Record]) -> None:
        """Commit these rows; relays at work may learn of it."""

    async def rows(self) -> int: ...

    def relay(self, producer: Producer) -> Relay:
        """One replica's, not at work yet."""

    def at_work(self, relays: Sequence[Relay]) -> AbstractAsyncContextManager[None]:
        """Replicas that relay as production does."""

    async def end_idle(self) -> None:
        """What the server does to transactions that idle: each is ended, without a word to its client."""


class Died(Exception):
    """The process ends here."""


class OutboxContract:
    async def test_rows_are_relayed_as_they_were_and_deleted(self, outbox: OutboxWorld) -> None:
        broker = MemoryBroker()
        await outbox.add([Record(TOPIC, b"\x00key", b"\x00value", (("trace", b"\x00\xff"),))])
        assert await outbox.relay(MemoryProducer(broker)).relay_batch() == 1
        [received] = broker.records(TOPIC)
        assert (received.key, received.value, received.headers) == (b"\x00key", b"\x00value", (("trace", b"\x00\xff"),))
        assert await outbox.rows() == 0

    async def test_rows_stay_while_kafka_is_away_and_leave_later(self, outbox: OutboxWorld) -> None:
        broker = MemoryBroker()
        producer = MemoryProducer(broker)
        producer.failure = KafkaUnavailable()
        await outbox.add(rows_of(b"a", [1, 2]))
        relay = outbox.relay(producer)
        with pytest.raises(KafkaUnavailable):
            await relay.relay_batch()
        assert await outbox.rows() == 2
        producer.failure = None
        await relay.relay_batch()
        assert values(broker, b"a") == [1, 2]

    async def test_a_keys_next_row_leaves_only_after_the_earlier_one_is_acknowledged(self, outbox: OutboxWorld) -> None:
        batches: list[list[bytes]] = []

        class Recorder:
            async def produce(self, records: Sequence[Record]) -> None:
                batches.append([record.key + record.value for record in records])

        await outbox.add([*rows_of(b"a", [1, 2, 3]), *rows_of(b"b", [1, 2])])
        await outbox.relay(Recorder()).relay_batch()
        assert batches == [[b"a1", b"b1"], [b"a2", b"b2"], [b"a3"]]

    async def test_a_row_is_deleted_only_once_it_is_acknowledged(self, outbox: OutboxWorld) -> None:
        producer = Halting()
        await outbox.add(rows_of(b"a", [1]))
        relaying = asyncio.create_task(outbox.relay(producer).relay_batch())
        await producer.asked.wait()
        assert await outbox.rows() == 1
        producer.acknowledged.set()
        assert await relaying == 1
        assert await outbox.rows() == 0

    async def test_who_dies_between_acknowledgement_and_deletion_leaves_the_rows_to_others(
        self, outbox: OutboxWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def die(name: str) -> None:
            raise Died

        broker = MemoryBroker()
        await outbox.add(rows_of(b"a", [1, 2]))
        with monkeypatch.context() as patched:
            patched.setattr(failpoint, "reach", die)
            with pytest.raises(Died):
                await outbox.relay(MemoryProducer(broker)).relay_batch()
        assert await outbox.rows() == 2
        assert await outbox.relay(MemoryProducer(broker)).relay_batch() == 2
        assert values(broker, b"a") == [1, 2, 1, 2]

    async def test_only_one_is_at_work_at_a_key(self, outbox: OutboxWorld) -> None:
        broker, producer = MemoryBroker(), Halting()
        await outbox.add(rows_of(b"a", [1]))
        relaying = asyncio.create_task(outbox.relay(producer).relay_batch())
        await producer.asked.wait()
        await outbox.add(rows_of(b"a", [2]))
        other = outbox.relay(MemoryProducer(broker))
        assert await other.relay_batch() == 0
        producer.acknowledged.set()
        await relaying
        assert await other.relay_batch() == 1
        assert values(broker, b"a") == [2]

    async def test_who_stood_still_for_too_long_has_lost_the_locks_and_deletes_nothing(self, outbox: OutboxWorld) -> None:
        broker, producer = MemoryBroker(), Halting()
        await outbox.add(rows_of(b"a", [1]))
        relaying = asyncio.create_task(outbox.relay(producer).relay_batch())
        await producer.asked.wait()
        await outbox.end_idle()
        await outbox.add(rows_of(b"a", [2]))
        producer.acknowledged.set()
        with pytest.raises(DatabaseUnavailable):
            await relaying
        assert await outbox.rows() == 2
        assert await outbox.relay(MemoryProducer(broker)).relay_batch() == 2
        assert values(broker, b"a") == [1, 2]

    async def test_a_relay_that_lost_its_locks_time_sends_nothing_more(self, outbox: OutboxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("servicekit.outbox.LOCK_TRUSTED_SECONDS", -1)
        broker = MemoryBroker()
        await outbox.add(rows_of(b"a", [1]))
        assert await outbox.relay(MemoryProducer(broker)).relay_batch() == 0
        assert (broker.records(TOPIC), await outbox.rows()) == ([], 1)

    async def test_two_relays_and_many_writers_keep_the_order_of_each_key(self, outbox: OutboxWorld) -> None:
        broker = MemoryBroker()

        class Slow(MemoryProducer):
            async def produce(self, records: Sequence[Record]) -> None:
                await asyncio.sleep(0.002)
                await super().produce(records)

        async def write(key: bytes) -> None:
            for value in range(20):
                await outbox.add(rows_of(key, [value]))

        keys = [f"key-{n}".encode() for n in range(8)]
        async with outbox.at_work([outbox.relay(Slow(broker)) for _ in range(2)]):
            await asyncio.gather(*map(write, keys))
            await wait_until(lambda: len(broker.records(TOPIC)) == 160, timeout_seconds=20, what="all rows")
        assert {key: values(broker, key) for key in keys} == {key: list(range(20)) for key in keys}
        assert await outbox.rows() == 0


class Halting:
    """A Producer whose acknowledgement takes as long as it is told."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.acknowledged = asyncio.Event()

    async def produce(self, records: Sequence[Record]) -> None:
        self.asked.set()
        await self.acknowledged.wait()


def rows_of(key: bytes, numbers: Iterable[int]) -> list[Record]:
    return [Record(TOPIC, key, str(number).encode(), (("trace", b"\x00\xff"),)) for number in numbers]


def values(broker: MemoryBroker, key: bytes) -> list[int]:
    return [int(record.value) for record in broker.records(TOPIC) if record.key == key]
