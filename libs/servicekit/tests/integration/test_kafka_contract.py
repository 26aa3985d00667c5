"""What Producer and Consumer promise, held against the double and against a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest

from backing.pytest_plugin import CreateTopic
from servicekit.kafka import Consumer, KafkaConsumer, KafkaProducer, OffsetTracker, Producer, Received, Record, Watermarks
from servicekit.settings import KafkaSettings
from servicekit.testing import MemoryBroker, MemoryConsumer, MemoryProducer, wait_until


class Cluster(Protocol):
    topic: str
    producer: Producer

    async def consumer(self, group: str, **options: Any) -> Consumer: ...

    async def stop(self, consumer: Consumer) -> None: ...


class MemoryCluster:
    def __init__(self) -> None:
        self.topic = "topic"
        self._broker = MemoryBroker()
        self.producer: Producer = MemoryProducer(self._broker)

    async def consumer(self, group: str, **options: Any) -> Consumer:
        return MemoryConsumer(self._broker, group=group, topics=[self.topic], **options)

    async def stop(self, consumer: Any) -> None:
        await consumer.stop()


class RealCluster:
    def __init__(self, settings: KafkaSettings, topic: str, producer: KafkaProducer, stack: AsyncExitStack) -> None:
        self.topic = topic
        self.producer: Producer = producer
        self._settings = settings
        self._stack = stack

    async def consumer(self, group: str, **options: Any) -> Consumer:
        made = KafkaConsumer(self._settings, group=f"{self.topic}-{group}", topics=[self.topic], **options)
        await made.start()
        self._stack.push_async_callback(made.stop)
        return made

    async def stop(self, consumer: Any) -> None:
        await consumer.stop()


@pytest.fixture(params=["memory", "real"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    if request.param == "memory":
        yield MemoryCluster()
        return
    settings: KafkaSettings = request.getfixturevalue("kafka_settings")
    create: CreateTopic = request.getfixturevalue("kafka_topic")
    async with AsyncExitStack() as stack:
        producer = KafkaProducer(settings)
        await producer.start()
        stack.push_async_callback(producer.stop)
        yield RealCluster(settings, create("contract"), producer, stack)


def _records(topic: str, count: int, keys: int = 10) -> list[Record]:
    return [Record(topic, b"key-%d" % (n % keys), b"%d" % n) for n in range(count)]


async def read(consumer: Consumer, count: int, each: Callable[[list[Received]], Any] = lambda batch: None) -> list[Received]:
    found: list[Received] = []
    async with asyncio.timeout(30):
        async for batch in consumer.batches():
            found += batch
            each(batch)
            if len(found) >= count:
                break
    return found


async def test_what_is_produced_is_read_once_and_in_the_order_of_its_key(cluster: Cluster) -> None:
    await cluster.producer.produce(_records(cluster.topic, 3000))
    found = await read(await cluster.consumer("all"), 3000)
    assert len(found) == 3000
    for key in {record.key for record in found}:
        values = [int(record.value) for record in found if record.key == key]
        assert values == sorted(values)


async def test_headers_arrive(cluster: Cluster) -> None:
    await cluster.producer.produce([Record(cluster.topic, b"key", b"value", (("traceparent", b"00-1-2-01"),))])
    [found] = await read(await cluster.consumer("headers"), 1)
    assert list(found.headers) == [("traceparent", b"00-1-2-01")]


async def test_a_tombstone_has_an_empty_value(cluster: Cluster) -> None:
    await cluster.producer.produce([Record(cluster.topic, b"key", b"")])
    [found] = await read(await cluster.consumer("tombstones"), 1)
    assert (found.key, found.value) == (b"key", b"")


async def test_an_empty_batch_is_produced_at_once(cluster: Cluster) -> None:
    await cluster.producer.produce([])


async def test_what_is_committed_is_not_read_again_and_the_rest_is(cluster: Cluster) -> None:
    await cluster.producer.produce(_records(cluster.topic, 100))
    first = await cluster.consumer("restart")
    found = await read(first, 100)
    done = [record for record in found if record.offset < 10]
    tracker = OffsetTracker()
    tracker.take(found)
    tracker.done(done)
    await first.commit(tracker.committable())
    await cluster.stop(first)
    again = await read(await cluster.consumer("restart"), 100 - len(done))
    assert {(record.partition, record.offset) for record in again} == {(r.partition, r.offset) for r in found if r not in done}


async def test_committed_offsets_and_watermarks_can_be_asked_for(cluster: Cluster) -> None:
    await cluster.producer.produce(_records(cluster.topic, 50, keys=1))
    consumer = await cluster.consumer("questions")
    found = await read(consumer, 50)
    partition = found[0].partition
    await consumer.commit({partition: 50})
    await wait_until(lambda: _is_committed(consumer, partition, 50), what="the commit to reach the broker")
    assert await consumer.watermarks([partition]) == {partition: Watermarks(0, 50)}


async def test_a_paused_partition_is_silent_until_resumed(cluster: Cluster) -> None:
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


async def test_reading_ends_when_asked_to_and_when_the_consumer_stops(cluster: Cluster) -> None:
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


async def _read_to_the_end(consumer: Consumer, stopping: asyncio.Event) -> list[Received]:
    return [record async for batch in consumer.batches(stopping) for record in batch]


async def _is_committed(consumer: Consumer, partition: Any, offset: int) -> bool:
    return await consumer.committed([partition]) == {partition: offset}
