"""The bridge between asyncio and Kafka."""

from servicekit.kafka.batch_consumer import BatchConsumer
from servicekit.kafka.consumer import KafkaConsumer
from servicekit.kafka.offsets import OffsetTracker
from servicekit.kafka.poison import PoisonGuard, TooManyPoisonRecords, Unreadable, dead_letter
from servicekit.kafka.ports import Consumer, KafkaUnavailable, Producer, RecordRefused, Watermarks
from servicekit.kafka.producer import KafkaProducer
from servicekit.kafka.records import Headers, Partition, Received, Record
from servicekit.kafka.sieve import Sieve, Sifted
from servicekit.kafka.tracing import consumer_span, trace_headers, traceparent

__all__ = [
    "BatchConsumer",
    "Consumer",
    "Headers",
    "KafkaConsumer",
    "KafkaProducer",
    "KafkaUnavailable",
    "OffsetTracker",
    "Partition",
    "PoisonGuard",
    "Producer",
    "Received",
    "Record",
    "RecordRefused",
    "Sieve",
    "Sifted",
    "TooManyPoisonRecords",
    "Unreadable",
    "Watermarks",
    "consumer_span",
    "dead_letter",
    "trace_headers",
    "traceparent",
]
