"""What Producer and Consumer promise, held against the double and against a real broker."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, KafkaException, TopicPartition
from confluent_kafka import Consumer as Reader
from confluent_kafka.admin import AdminClient

from backing.kafka import Kafka
from backing.pytest_plugin import CreateTopic
from servicekit.kafka import Consumer, KafkaConsumer, KafkaProducer, KafkaUnavailable
from servicekit.settings import KafkaSettings
from servicekit.testing import MemoryBroker, MemoryConsumer, MemoryProducer, wait_until
from servicekit.testing.kafka_contract import KafkaContract
from servicekit.testing.kafka_group_contract import GroupContract

PARTITIONS = 4


class MemoryCluster:
    def __init__(self) -> None:
        self.topic, self.partitions = "topic", PARTITIONS
        self._broker = MemoryBroker(PARTITIONS)
        self.producer = MemoryProducer(self._broker)

    async def consumer(self, group: str, **options: Any) -> MemoryConsumer:
        return MemoryConsumer(self._broker, group=group, topics=[self.topic], **options)

    async def stop(self, consumer: Any) -> None:
        await consumer.stop()

    @asynccontextmanager
    async def interrupted(self) -> AsyncIterator[None]:
        self.producer.failure = KafkaUnavailable()
        try:
            yield
        finally:
            self.producer.failure = None


class RealCluster:
    def __init__(self, settings: KafkaSettings, topic: str, kafka: Kafka, stack: AsyncExitStack) -> None:
        self.topic, self.partitions = topic, PARTITIONS
        self.producer = KafkaProducer(settings)
        self._impatient = KafkaProducer(settings.model_copy(update={"kafka_acknowledgement_timeout_seconds": 2}))
        self._settings = settings
        self._kafka = kafka
        self._stack = stack

    async def start(self) -> None:
        for producer in (self.producer, self._impatient):
            await producer.start()
            self._stack.push_async_callback(producer.stop)
        await wait_until(self.has_leaders, timeout_seconds=20, what="leaders of a new topic")

    def has_leaders(self) -> bool:
        reader = Reader({"bootstrap.servers": self._kafka.bootstrap_servers, "group.id": self.topic})
        try:
            return all(reader.get_watermark_offsets(partition, timeout=5) for partition in self._all())
        except KafkaException:
            return False
        finally:
            reader.close()

    async def consumer(self, group: str, **options: Any) -> KafkaConsumer:
        made = KafkaConsumer(self._settings, group=f"{self.topic}-{group}", topics=[self.topic], **options)
        await made.start()
        self._stack.push_async_callback(made.stop)
        return made

    async def stop(self, consumer: Consumer) -> None:
        assert isinstance(consumer, KafkaConsumer)
        await consumer.stop()

    @asynccontextmanager
    async def interrupted(self) -> AsyncIterator[None]:
        # Only here is an acknowledgement given up soon. The same one produces afterwards too, for order is kept within one producer.
        self.producer = self._impatient
        self._kafka.process.pause()
        try:
            yield
        finally:
            self._kafka.process.resume()

    async def lose(self) -> None:
        admin = AdminClient({"bootstrap.servers": self._kafka.bootstrap_servers})
        for deleted in admin.delete_records(self._all()).values():
            deleted.result(10)

    def _all(self) -> list[TopicPartition]:
        """Every partition; as offsets go, its end."""
        return [TopicPartition(self.topic, number, OFFSET_END) for number in range(PARTITIONS)]


@pytest.fixture
async def real(kafka_settings: KafkaSettings, kafka_topic: CreateTopic, kafka_server: Kafka) -> AsyncIterator[RealCluster]:
    async with AsyncExitStack() as stack:
        cluster = RealCluster(kafka_settings, kafka_topic("contract", partitions=PARTITIONS), kafka_server, stack)
        await cluster.start()
        yield cluster


class TestMemory(KafkaContract):
    @pytest.fixture
    def cluster(self) -> MemoryCluster:
        return MemoryCluster()


class TestKafka(KafkaContract, GroupContract):
    @pytest.fixture
    def cluster(self, real: RealCluster) -> RealCluster:
        return real
