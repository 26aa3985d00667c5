"""What only a real broker shows: members that come and go, stored offsets, back-pressure, a broker that is away."""

import asyncio
from collections.abc import AsyncIterator, Collection

import pytest
from confluent_kafka.admin import AdminClient

from backing.kafka import Kafka
from backing.pytest_plugin import CreateTopic
from backing.server import start
from servicekit.kafka import KafkaConsumer, KafkaProducer, KafkaUnavailable, OffsetTracker, Partition, Received, Record, RecordRefused
from servicekit.settings import KafkaSettings
from servicekit.testing import wait_until


@pytest.fixture
async def producer(kafka_settings: KafkaSettings) -> AsyncIterator[KafkaProducer]:
    made = KafkaProducer(kafka_settings)
    await made.start()
    yield made
    await made.stop()


def _records(topic: str, count: int) -> list[Record]:
    return [Record(topic, b"key-%d" % (n % 40), b"%d" % n) for n in range(count)]


async def test_a_second_member_takes_its_share_and_nothing_is_lost_or_read_after_its_commit(
    kafka_settings: KafkaSettings, kafka_topic: CreateTopic, producer: KafkaProducer
) -> None:
    topic = kafka_topic("shares", partitions=8)
    tracker, read, revoked = OffsetTracker(), [], []

    async def release(partitions: frozenset[Partition]) -> None:
        revoked.append(partitions)
        await first.commit(tracker.committable())
        tracker.drop(partitions)

    async def work(consumer: KafkaConsumer, own: OffsetTracker) -> None:
        async for batch in consumer.batches():
            own.take(batch)
            read.extend(batch)
            own.done(batch)
            await consumer.commit(own.committable())

    first = KafkaConsumer(kafka_settings, group=topic, topics=[topic], revoked=release)
    second = KafkaConsumer(kafka_settings, group=topic, topics=[topic])
    await first.start()
    working = [asyncio.create_task(work(first, tracker))]
    await producer.produce(_records(topic, 2000))
    await wait_until(lambda: len(read) == 2000, timeout_seconds=30, what="the first half")
    await second.start()
    working.append(asyncio.create_task(work(second, OffsetTracker())))
    await wait_until(lambda: len(second.assigned()) == 4, timeout_seconds=30, what="the second member's share")
    await producer.produce(_records(topic, 2000))
    await wait_until(lambda: len(read) >= 4000, timeout_seconds=30, what="the second half")
    await second.stop()
    await wait_until(lambda: len(first.assigned()) == 8, timeout_seconds=30, what="the partitions to come back")
    await first.stop()
    await asyncio.gather(*working)
    assert len(read) == len({(record.partition, record.offset) for record in read}) == 4000
    assert sum(map(len, revoked)) == 4 + 8


async def test_partitions_begin_where_the_service_says_once_it_can_say_it(
    kafka_settings: KafkaSettings, kafka_topic: CreateTopic, producer: KafkaProducer
) -> None:
    topic = kafka_topic("stored", partitions=1)
    await producer.produce(_records(topic, 10))
    asked = 0

    async def stored(partitions: Collection[Partition]) -> dict[Partition, int]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise ConnectionError("the database is not up yet")
        return dict.fromkeys(partitions, 7)

    consumer = KafkaConsumer(kafka_settings, group=topic, topics=[topic], stored_offsets=stored)
    await consumer.start()
    batch = await asyncio.wait_for(anext(aiter(consumer.batches())), 30)
    await consumer.stop()
    assert [record.offset for record in batch] == [7, 8, 9]


async def test_a_slow_reader_holds_the_fetching_back(
    kafka_settings: KafkaSettings, kafka_topic: CreateTopic, producer: KafkaProducer
) -> None:
    topic = kafka_topic("slow")
    await producer.produce(_records(topic, 5000))
    consumer = KafkaConsumer(kafka_settings, group=topic, topics=[topic], batch_records=100, queued_records=300)
    await consumer.start()
    batches = aiter(consumer.batches())
    read = len(await asyncio.wait_for(anext(batches), 30))
    await asyncio.sleep(1)
    assert sum(map(len, consumer._waiting)) <= 400
    async with asyncio.timeout(60):
        while read < 5000:
            read += len(await anext(batches))
    await consumer.stop()
    assert read == 5000


async def test_a_hook_that_hangs_does_not_keep_the_partitions(kafka_settings: KafkaSettings, kafka_topic: CreateTopic) -> None:
    topic = kafka_topic("hangs")

    async def hang(partitions: frozenset[Partition]) -> None:
        await asyncio.Event().wait()

    consumer = KafkaConsumer(kafka_settings, group=topic, topics=[topic], revoked=hang)
    await consumer.start()
    await wait_until(consumer.assigned, timeout_seconds=30, what="an assignment")
    await asyncio.wait_for(consumer.stop(), 9)


async def test_a_broker_that_is_away_is_unavailable_within_the_acknowledgements_time() -> None:
    settings = KafkaSettings(kafka_bootstrap_servers="127.0.0.1:1", kafka_acknowledgement_timeout_seconds=1)
    producer = KafkaProducer(settings)
    await producer.start()
    with pytest.raises(KafkaUnavailable):
        await asyncio.wait_for(producer.produce([Record("topic", b"key", b"value")]), 5)
    await producer.stop()


async def test_a_record_too_large_is_refused_for_good_and_the_others_are_stored(
    kafka_settings: KafkaSettings, kafka_topic: CreateTopic, producer: KafkaProducer
) -> None:
    topic = kafka_topic("large", partitions=1)
    with pytest.raises(RecordRefused):
        await producer.produce([Record(topic, b"key", b"small"), Record(topic, b"key", bytes(2 << 20))])
    consumer = KafkaConsumer(kafka_settings, group=topic, topics=[topic])
    await consumer.start()
    batch = await asyncio.wait_for(anext(aiter(consumer.batches())), 30)
    await consumer.stop()
    assert [record.value for record in batch] == [b"small"]


async def test_a_caller_that_gives_up_leaves_the_producer_working(kafka_topic: CreateTopic, producer: KafkaProducer) -> None:
    topic = kafka_topic("cancelled")
    giving_up = asyncio.create_task(producer.produce(_records(topic, 10)))
    await asyncio.sleep(0)
    giving_up.cancel()
    await producer.produce(_records(topic, 10))


async def test_a_broker_that_is_killed_and_comes_back_costs_time_and_no_record(
    kafka_server: Kafka, kafka_settings: KafkaSettings, kafka_topic: CreateTopic, producer: KafkaProducer
) -> None:
    topic = kafka_topic("killed")
    read: set[bytes] = set()
    consumer = KafkaConsumer(kafka_settings, group=topic, topics=[topic])
    await consumer.start()

    async def consume() -> None:
        async for batch in consumer.batches():
            read.update(record.value for record in batch)

    consuming = asyncio.create_task(consume())
    await producer.produce(_records(topic, 100))
    kafka_server.process.kill()
    waiting = asyncio.create_task(producer.produce([Record(topic, b"key", b"in between")]))
    await asyncio.to_thread(start, kafka_server)
    try:
        await waiting
    except KafkaUnavailable:
        await producer.produce([Record(topic, b"key", b"in between")])
    await wait_until(lambda: len(read) == 101, timeout_seconds=60, what="all records")
    await consumer.stop()
    await consuming


async def test_a_topic_that_is_made_again_is_read_again(
    kafka_settings: KafkaSettings, kafka_server: Kafka, kafka_topic: CreateTopic, producer: KafkaProducer
) -> None:
    topic = kafka_topic("remade", partitions=4)
    read: list[Received] = []

    async def work() -> None:
        async for batch in consumer.batches():
            read.extend(batch)

    consumer = KafkaConsumer(kafka_settings, group=topic, topics=[topic])
    await consumer.start()
    working = asyncio.create_task(work())
    await producer.produce(_records(topic, 40))
    await wait_until(lambda: len(read) == 40, timeout_seconds=30, what="the first topic's records")
    await asyncio.to_thread(kafka_server.delete_topics, [topic])
    await asyncio.sleep(2)
    await asyncio.to_thread(kafka_server.create_topics, [topic], partitions=4)
    await wait_until(lambda: leads(kafka_server, topic), timeout_seconds=30, interval_seconds=0.2, what="leaders")
    await producer.produce(_records(topic, 40))
    await wait_until(lambda: len(read) == 80, timeout_seconds=60, what="the second topic's records")
    await consumer.stop()
    await working


def leads(kafka: Kafka, topic: str) -> bool:
    found = AdminClient({"bootstrap.servers": kafka.bootstrap_servers}).list_topics(timeout=10).topics.get(topic)
    return found is not None and all(partition.leader >= 0 for partition in found.partitions.values()) and len(found.partitions) == 4
