"""What goes over the topics, seen from beside the services."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from confluent_kafka import Consumer, Producer, TopicPartition

USER_CHANGED = "heyday.user.v1.user-changed"
MESSAGE_DUE = "heyday.scheduler.v1.message-due"
MESSAGE_CANCELLED = "heyday.scheduler.v1.message-cancelled"
MESSAGE_OUTCOME = "heyday.notifier.v1.message-outcome"
DEAD_LETTER = "heyday.notifier.v1.dead-letter"
SCHEDULER_POISON = "heyday.scheduler.v1.poison"
NOTIFIER_POISON = "heyday.notifier.v1.poison"


@dataclass(frozen=True)
class Position:
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Seen:
    """A record as it lies on a topic."""

    position: Position
    key: bytes
    value: bytes
    headers: dict[str, bytes]


class Topics:
    """Reads whole topics and adds single records."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers

    def add(self, topic: str, key: bytes, value: bytes, partition: int) -> Position:
        """Produces one record and waits for the broker's acknowledgement."""
        positions: list[Position] = []
        producer = Producer({"bootstrap.servers": self._bootstrap_servers})
        producer.produce(
            topic, value, key, partition, on_delivery=lambda _, record: positions.append(Position(topic, partition, record.offset() or 0))
        )
        producer.flush(10)
        [position] = positions
        return position

    def records(self, topic: str, user_id: str = "") -> list[Seen]:
        """All records of a topic that are there now, those of one user if one is given."""
        key = UUID(user_id).bytes if user_id else None
        return [seen for seen in self._read(topic) if key is None or seen.key == key]

    def _read(self, topic: str) -> Iterator[Seen]:
        consumer = Consumer({"bootstrap.servers": self._bootstrap_servers, "group.id": "e2e", "enable.auto.commit": False})
        try:
            partitions = [TopicPartition(topic, number, 0) for number in consumer.list_topics(topic, timeout=10).topics[topic].partitions]
            left = sum(consumer.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions)
            consumer.assign(partitions)
            while left > 0:
                record = consumer.poll(10)
                assert record is not None, f"{topic} did not answer."
                left -= 1
                position = Position(topic, record.partition() or 0, record.offset() or 0)
                yield Seen(position, record.key() or b"", record.value() or b"", dict(record.headers() or []))  # type: ignore[arg-type]
        finally:
            consumer.close()
