"""What Producer and Consumer promise: one suite for a real broker and for all that stands in for one."""

import asyncio
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest

from servicekit.clock import unix_seconds
from servicekit.kafka import Consumer, KafkaUnavailable, OffsetTracker, Partition, Producer, Received, Record, Watermarks
from servicekit.testing import wait_until


class Cluster(Protocol):
    """A broker with one topic."""

    topic: str
    partitions: int
    producer: Producer

    async def consumer(self, group: str, **options: Any) -> Consumer:
        """A member of the group."""

    async def stop(self, consumer: Consumer) -> None: ...

    def interrupted(self) -> AbstractAsyncContextManager[None]:
        """Acknowledges nothing meanwhile."""


class KafkaContract:
    """A group of one member."""

    async def test_what_is_produced_is_read_once_and_in_the_order_of_its_key(self, cluster: Cluster) -> None:
        await cluster.producer.produce(records(cluster.topic, 3000))
        found = await read(await cluster.consumer("all"), 3000)
        assert len(found) == 3000
        for key in {record.key for record in found}:
            values = [int(record.value) for record in found if record.key == key]
            assert values == sorted(values)

    async def test_a_key_says_the_partition_and_offsets_count_up_in_it(self, cluster: Cluster) -> None:
        await cluster.producer.produce(records(cluster.topic, 300, keys=100))
        found = await read(await cluster.consumer("keys"), 300)
        assert {r.partition for r in found} == {Partition(cluster.topic, number) for number in range(cluster.partitions)}
        assert all(record.partition.number == zlib.crc32(record.key) % cluster.partitions for record in found)
        for partition in {record.partition for record in found}:
            offsets = [record.offset for record in found if record.partition == partition]
            assert offsets == list(range(len(offsets)))

    async def test_a_record_tells_when_it_was_produced(self, cluster: Cluster) -> None:
        began = unix_seconds()
        await cluster.producer.produce(records(cluster.topic, 1))
        [found] = await read(await cluster.consumer("times"), 1)
        assert began - 1 <= found.timestamp_ms / 1000 <= unix_seconds() + 1

    async def test_headers_arrive(self, cluster: Cluster) -> None:
        await cluster.producer.produce([Record(cluster.topic, b"key", b"value", (("traceparent", b"00-1-2-01"),))])
        [found] = await read(await cluster.consumer("headers"), 1)
        assert list(found.headers) == [("traceparent", b"00-1-2-01")]

    async def test_a_tombstone_has_an_empty_value(self, cluster: Cluster) -> None:
        await cluster.producer.produce([Record(cluster.topic, b"key", b"")])
        [found] = await read(await cluster.consumer("tombstones"), 1)
        assert (found.key, found.value) == (b"key", b"")

    async def test_an_empty_batch_is_produced_at_once(self, cluster: Cluster) -> None:
        async with cluster.interrupted():
            await cluster.producer.produce([])

    async def test_what_was_not_acknowledged_may_be_stored_and_is_produced_again_in_order(self, cluster: Cluster) -> None:
        produced = records(cluster.topic, 40)
        async with cluster.interrupted():
            with pytest.raises(KafkaUnavailable):
                await cluster.producer.produce(produced)
        await until_produced(cluster.producer, produced)
        partitions = [Partition(cluster.topic, number) for number in range(cluster.partitions)]
        consumer = await cluster.consumer("again")
        stored = sum(mark.high for mark in (await marks(consumer, partitions)).values())
        found = await read(consumer, stored)
        assert {record.value for record in found} == {record.value for record in produced}
        for key in {record.key for record in found}:
            last = [record.value for record in found if record.key == key][-4:]
            assert last == [record.value for record in produced if record.key == key]

    async def test_what_is_committed_is_not_read_again_and_the_rest_is(self, cluster: Cluster) -> None:
        await cluster.producer.produce(records(cluster.topic, 100))
        first = await cluster.consumer("restart")
        found = await read(first, 100)
        done = [record for record in found if record.offset < 10]
        tracker = OffsetTracker()
        tracker.take(found)
        tracker.done(done)
        await first.commit(tracker.committable())
        await cluster.stop(first)
        again = await read(await cluster.consumer("restart"), 100 - len(done))
        assert places(again) == places(record for record in found if record not in done)

    async def test_committed_offsets_and_watermarks_can_be_asked_for(self, cluster: Cluster) -> None:
        await cluster.producer.produce(records(cluster.topic, 50, keys=1))
        consumer = await cluster.consumer("questions")
        found = await read(consumer, 50)
        partition = found[0].partition
        await consumer.commit({partition: 50})
        await wait_until(lambda: is_committed(consumer, partition, 50), what="the commit to reach the broker")
        assert await consumer.watermarks([partition]) == {partition: Watermarks(0, 50)}

    async def test_a_paused_partition_is_silent_until_resumed(self, cluster: Cluster) -> None:
        await cluster.producer.produce([Record(cluster.topic, b"key", b"first")])
        consumer = await cluster.consumer("pauses")
        [first] = await read(consumer, 1)
        await consumer.pause([first.partition])
        await cluster.producer.produce([Record(cluster.topic, b"key", b"second")])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await anext(aiter(consumer.batches()))
        await consumer.resume([first.partition])
        [second] = await read(consumer, 1)
        assert second.value == b"second"

    async def test_reading_ends_when_asked_to_and_when_the_consumer_stops(self, cluster: Cluster) -> None:
        consumer = await cluster.consumer("ends")
        await wait_until(consumer.assigned, timeout_seconds=20, what="an assignment")
        stopping = asyncio.Event()
        reading = asyncio.create_task(_read_to_the_end(consumer, stopping))
        await asyncio.sleep(0.1)
        stopping.set()
        assert await asyncio.wait_for(reading, 2) == []
        reading = asyncio.create_task(_read_to_the_end(consumer, asyncio.Event()))
        await asyncio.sleep(0.1)
        await cluster.stop(consumer)
        assert await asyncio.wait_for(reading, 10) == []
        assert consumer.assigned() == frozenset()


def records(topic: str, count: int, keys: int = 10) -> list[Record]:
    return [Record(topic, b"key-%d" % (n % keys), b"%d" % n) for n in range(count)]


def places(found: Any) -> set[tuple[Partition, int]]:
    return {(record.partition, record.offset) for record in found}


async def read(consumer: Consumer, count: int, each: Callable[[list[Received]], Any] = lambda batch: None) -> list[Received]:
    found: list[Received] = []
    async with asyncio.timeout(30):
        async for batch in consumer.batches():
            found += batch
            each(batch)
            if len(found) >= count:
                break
    return found


async def until_produced(producer: Producer, produced: list[Record]) -> None:
    """A broker that is back is not at once at work again."""

    async def is_produced() -> bool:
        try:
            await producer.produce(produced)
        except KafkaUnavailable:
            return False
        return True

    await wait_until(is_produced, timeout_seconds=30, what="the broker to take records again")


async def marks(consumer: Consumer, partitions: list[Partition]) -> dict[Partition, Watermarks]:
    await wait_until(consumer.assigned, timeout_seconds=20, what="an assignment")
    return await consumer.watermarks(partitions)


async def is_committed(consumer: Consumer, partition: Partition, offset: int) -> bool:
    return await are_committed(consumer, {partition: offset})


async def are_committed(consumer: Consumer, offsets: dict[Partition, int]) -> bool:
    return await consumer.committed(list(offsets)) == offsets


async def _read_to_the_end(consumer: Consumer, stopping: asyncio.Event) -> list[Received]:
    return [record async for batch in consumer.batches(stopping) for record in batch]
