"""The Backlog port over a real broker."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from backing.kafka import Kafka
from backing.pytest_plugin import CreateTopic
from scheduler_service.adapters import due_backlog
from scheduler_service.adapters.due_backlog import KafkaBacklog
from scheduler_service.testing.backlog import BacklogContract
from servicekit.kafka import KafkaProducer, KafkaUnavailable, Record
from servicekit.settings import KafkaSettings
from servicekit.testing import wait_until

PARTITIONS = 4


@dataclass
class RealTopic:
    backlog: KafkaBacklog
    topic: str
    kafka: Kafka
    producer: KafkaProducer

    async def append(self, user_id: bytes) -> int:
        before = self.ends()
        await self.producer.produce([Record(self.topic, user_id, b"due")])
        after = self.ends()
        return next(number for number in range(PARTITIONS) if after[number] > before[number])

    async def commit(self, partition: int, offset: int) -> None:
        consumer = self._consumer()
        consumer.commit(offsets=[TopicPartition(self.topic, partition, offset)], asynchronous=False)
        consumer.close()

    async def lose(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers})
        for deleted in admin.delete_records([TopicPartition(self.topic, number, -1) for number in range(PARTITIONS)]).values():
            deleted.result(10)

    def has_leaders(self) -> bool:
        try:
            return bool(self.ends())
        except KafkaException:
            return False

    def ends(self) -> list[int]:
        consumer = self._consumer()
        ends = [consumer.get_watermark_offsets(TopicPartition(self.topic, number), timeout=10)[1] for number in range(PARTITIONS)]
        consumer.close()
        return ends

    def _consumer(self) -> Consumer:
        return Consumer({"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": f"readers of {self.topic}"})


def backlog_of(kafka: Kafka, topic: str) -> KafkaBacklog:
    return KafkaBacklog(KafkaSettings(kafka_bootstrap_servers=kafka.bootstrap_servers), f"readers of {topic}")


class TestKafkaBacklog(BacklogContract):
    @pytest.fixture
    async def world(self, kafka_server: Kafka, kafka_topic: CreateTopic, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RealTopic]:
        topic = kafka_topic("backlog", partitions=PARTITIONS)
        monkeypatch.setattr(due_backlog, "TOPIC", topic)
        producer = KafkaProducer(KafkaSettings(kafka_bootstrap_servers=kafka_server.bootstrap_servers))
        await producer.start()
        world = RealTopic(backlog_of(kafka_server, topic), topic, kafka_server, producer)
        await wait_until(world.has_leaders, timeout_seconds=10, what="leaders of a new topic")
        yield world
        await producer.stop()


async def test_without_the_topic_nobody_knows_what_is_lost(kafka_server: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_backlog, "TOPIC", "never-made")
    with pytest.raises(KafkaUnavailable, match="never-made"):
        await backlog_of(kafka_server, "never-made").unread_since()
