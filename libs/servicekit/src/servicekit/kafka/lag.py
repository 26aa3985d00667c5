"""How far a consumer group is behind, in records and in seconds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer
from prometheus_client import Counter, Gauge

from servicekit.clock import monotonic, unix_seconds
from servicekit.kafka.queries import topic_partition
from servicekit.kafka.records import Partition, Received

OBSERVE_EVERY_SECONDS = 5
LAG_RECORDS = Gauge("kafka_consumer_lag_records", "Records of this member's partitions that are not done yet.", ["group", "topic"])
LAG_SECONDS = Gauge("kafka_consumer_lag_seconds", "Age of the last record read while more wait; 0 when none does.", ["group", "topic"])
CONSUMED = Counter("kafka_consumed_records_total", "Records read.", ["group", "topic"])
ASSIGNED = Gauge("kafka_assigned_partitions", "Partitions this member has.", ["group"])


class LagGauge:
    """Measures every few seconds from what the client knows anyway: no question to the broker."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._next_at = 0.0
        self._read_ms: dict[str, int] = {}

    def saw(self, records: Iterable[Received]) -> None:
        counts: dict[str, int] = defaultdict(int)
        for record in records:
            counts[record.partition.topic] += 1
            self._read_ms[record.partition.topic] = record.timestamp_ms
        for topic, count in counts.items():
            CONSUMED.labels(self._group, topic).inc(count)

    def observe(self, consumer: Consumer, assigned: Iterable[Partition], stored: Mapping[Partition, int]) -> None:
        if monotonic() < self._next_at:
            return
        self._next_at = monotonic() + OBSERVE_EVERY_SECONDS
        lags: dict[str, int] = dict.fromkeys(self._read_ms, 0)
        partitions = list(assigned)
        for partition in partitions:
            lags[partition.topic] = lags.get(partition.topic, 0) + _lag(consumer, partition, stored.get(partition))
        for topic, lag in lags.items():
            age = unix_seconds() - self._read_ms.get(topic, 0) / 1000 if lag and topic in self._read_ms else 0
            LAG_RECORDS.labels(self._group, topic).set(lag)
            LAG_SECONDS.labels(self._group, topic).set(max(0.0, age))
        ASSIGNED.labels(self._group).set(len(partitions))


def _lag(consumer: Consumer, partition: Partition, stored: int | None) -> int:
    _, high = consumer.get_watermark_offsets(topic_partition(partition), cached=True)
    offset = stored if stored is not None else consumer.position([topic_partition(partition)])[0].offset
    return max(0, high - offset) if high >= 0 and offset >= 0 else 0
