"""The due topic from outside: its records once more, and how far the notifiers have come."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from heyday.scheduler.v1.message_due_pb2 import MessageDue
from resilience.campaign import wait_until

TOPIC: Final = "heyday.scheduler.v1.message-due"
GROUP: Final = "notifier.due"


def offer_again(bootstrap_servers: str, ids: Collection[UUID]) -> int:
    """Produce every record of these messages once more, and return how many that were."""
    wanted = {each.bytes for each in ids}
    records = [record for record in _all(bootstrap_servers) if MessageDue.FromString(record.value() or b"").id in wanted]
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    for record in records:
        producer.produce(TOPIC, record.value(), record.key(), record.partition() or 0)
    assert producer.flush(30) == 0
    return len(records)


def unread(bootstrap_servers: str) -> int:
    """Records that the notifiers have not committed."""
    with _reader(bootstrap_servers) as reader:
        committed = reader.committed(_partitions(reader), timeout=10)
        ends = [reader.get_watermark_offsets(partition, timeout=10)[1] for partition in committed]
    return sum(end - max(partition.offset, 0) for partition, end in zip(committed, ends, strict=True))


def wait_until_read(bootstrap_servers: str, within: float, what: str = "all records to be read") -> None:
    """Raises AssertionError if the notifiers have not committed all records in time."""
    wait_until(lambda: unread(bootstrap_servers) == 0, within, what)


def _all(bootstrap_servers: str) -> list[Message]:
    records = []
    with _reader(bootstrap_servers) as reader:
        partitions = _partitions(reader)
        reader.assign([TopicPartition(TOPIC, partition.partition, OFFSET_BEGINNING) for partition in partitions])
        at_their_end: set[int | None] = set()
        until = time.monotonic() + 60
        while len(at_their_end) < len(partitions):
            assert time.monotonic() < until, "the due topic could not be read in time"
            for record in reader.consume(1000, 0.5):
                error = record.error()
                if error is None:
                    records.append(record)
                elif error.code() == KafkaError._PARTITION_EOF:
                    at_their_end.add(record.partition())
    return records


def _partitions(reader: Consumer) -> list[TopicPartition]:
    return [TopicPartition(TOPIC, number) for number in reader.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions]


@contextmanager
def _reader(bootstrap_servers: str) -> Iterator[Consumer]:
    settings = {"bootstrap.servers": bootstrap_servers, "group.id": GROUP, "enable.auto.commit": False, "enable.partition.eof": True}
    reader = Consumer(settings)
    try:
        yield reader
    finally:
        reader.close()
