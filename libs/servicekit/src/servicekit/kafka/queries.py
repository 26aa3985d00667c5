"""Questions a consumer asks the broker. They block, so only the consumer's thread calls them."""

from collections.abc import Collection

from confluent_kafka import Consumer, KafkaException, TopicPartition

from servicekit.kafka.ports import KafkaUnavailable, Watermarks
from servicekit.kafka.records import Partition

QUERY_SECONDS = 5.0


def topic_partition(partition: Partition, offset: int | None = None) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number) if offset is None else TopicPartition(*partition, offset)


def committed_offsets(consumer: Consumer, partitions: Collection[Partition]) -> dict[Partition, int]:
    if not partitions:
        return {}
    try:
        answers = consumer.committed([topic_partition(partition) for partition in partitions], QUERY_SECONDS)
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka did not tell committed offsets: {error.args[0].name()}.") from error
    return {Partition(answer.topic, answer.partition): answer.offset for answer in answers if answer.offset >= 0}


def watermark_offsets(consumer: Consumer, partitions: Collection[Partition]) -> dict[Partition, Watermarks]:
    try:
        return {
            partition: Watermarks(*consumer.get_watermark_offsets(topic_partition(partition), QUERY_SECONDS)) for partition in partitions
        }
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka did not tell watermarks: {error.args[0].name()}.") from error
