"""The producer: one librdkafka producer, one thread that polls it, one future per batch."""

from collections.abc import Sequence

from servicekit.kafka.records import Record
from servicekit.settings import KafkaSettings


class KafkaProducer:
    """A Producer and a Component over confluent-kafka's: idempotent, acks=all, lz4."""

    name = "kafka-producer"

    def __init__(self, settings: KafkaSettings) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        raise NotImplementedError

    async def wait(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    async def produce(self, records: Sequence[Record]) -> None:
        raise NotImplementedError
