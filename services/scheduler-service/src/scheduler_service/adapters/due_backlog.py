"""How far the consumers of the due topic have come."""

import asyncio
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaException, TopicPartition

from scheduler_service.adapters.due_topic import TOPIC
from servicekit.kafka import KafkaUnavailable
from servicekit.kafka.config import client_config
from servicekit.settings import KafkaSettings

ASK_SECONDS = 5.0
READ_SECONDS = 5.0


class KafkaBacklog:
    """The Backlog port. A consumer that never joins the group reads the group's offsets and the oldest record above each."""

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        mine = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        self._configuration = client_config(settings) | mine
        self._partitions = 0

    async def unread_since(self) -> Mapping[int, datetime | None]:
        try:
            return await asyncio.to_thread(self._unread_since)
        except KafkaException as error:
            raise KafkaUnavailable(f"The position of {TOPIC}'s consumers cannot be read: {error}") from error

    def partition_of(self, user_id: bytes) -> int:
        return zlib.crc32(user_id) % self._partitions  # librdkafka's `consistent_random`

    def _unread_since(self) -> dict[int, datetime | None]:
        consumer = Consumer(self._configuration)
        try:
            positions = self._positions(consumer)
            found: dict[int, datetime | None] = dict.fromkeys(range(self._partitions))
            return found | self._oldest(consumer, positions)
        finally:
            consumer.close()

    def _positions(self, consumer: Consumer) -> list[TopicPartition]:
        """The first unread record of each partition that has one. An offset above what the topic holds is a lost topic's."""
        topic = consumer.list_topics(TOPIC, timeout=ASK_SECONDS).topics[TOPIC]
        if topic.error is not None:
            raise KafkaException(topic.error)
        self._partitions = len(topic.partitions)
        asked = [TopicPartition(TOPIC, number) for number in range(self._partitions)]
        unread = []
        for committed in consumer.committed(asked, timeout=ASK_SECONDS):
            low, high = consumer.get_watermark_offsets(committed, timeout=ASK_SECONDS)
            first = max(committed.offset, low)
            if first < high:
                unread.append(TopicPartition(TOPIC, committed.partition, first))
        return unread

    def _oldest(self, consumer: Consumer, positions: list[TopicPartition]) -> dict[int, datetime | None]:
        found: dict[int, datetime | None] = {}
        for position in positions:
            consumer.assign([position])
            record = consumer.poll(READ_SECONDS)
            if record is None or record.error():
                raise KafkaException(record.error() if record else f"partition {position.partition} gives no record")
            found[position.partition] = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        return found
