"""Records that cannot be read: kept aside one by one, and a stop when there are too many."""

from collections import deque

from prometheus_client import Counter, Gauge

from servicekit.kafka.records import Received, Record

POISON = Counter("kafka_poison_records_total", "Records that could not be read and were kept aside.", ["group"])
STOPPED = Gauge("kafka_poison_stopped", "1 once a consumer has stopped because too many records could not be read.", ["group"])


class Unreadable(ValueError):
    """The record is not what its topic promises. The text says what is wrong and quotes nothing: it is kept and logged."""


class TooManyPoisonRecords(Exception):
    """Too many records cannot be read: the consumer stops instead of emptying its topic into the dead letters."""


class PoisonGuard:
    """Trips when more than `most_share` of the last `window` records, and at least `least`, were poison. No clock, no I/O."""

    def __init__(self, group: str, *, most_share: float = 0.01, least: int = 20, window: int = 2000) -> None:
        self._group = group
        self._most_share = most_share
        self._least = least
        self._window = window
        self._batches: deque[tuple[int, int]] = deque()
        self._records = 0
        self._poison = 0
        STOPPED.labels(group).set(0)

    def saw(self, records: int, poison: int) -> None:
        """Count a batch of `records` of which `poison` could not be read, before it is kept aside. Raises TooManyPoisonRecords."""
        self._batches.append((records, poison))
        self._records += records
        self._poison += poison
        while self._batches and self._records - self._batches[0][0] >= self._window:
            old_records, old_poison = self._batches.popleft()
            self._records -= old_records
            self._poison -= old_poison
        POISON.labels(self._group).inc(poison)
        if self._poison >= self._least and self._poison > self._most_share * self._records:
            STOPPED.labels(self._group).set(1)
            raise TooManyPoisonRecords(f"{self._poison} of the last {self._records} records cannot be read: the consumer stops.")


def dead_letter(received: Received, error: Unreadable, topic: str) -> Record:
    """The record to produce to the poison `topic`: the same key and bytes, with its position and what is wrong in headers."""
    headers = (
        ("source-topic", received.partition.topic.encode()),
        ("source-partition", str(received.partition.number).encode()),
        ("source-offset", str(received.offset).encode()),
        ("error", str(error).encode()),
    )
    return Record(topic, received.key, received.value, (*headers, *received.headers))
