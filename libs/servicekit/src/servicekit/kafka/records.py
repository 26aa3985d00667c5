"""Values that pass through Kafka."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Headers = Sequence[tuple[str, bytes]]


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record to produce. Records of one key stay in order."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = ()


class Received(NamedTuple):
    """A record as consumed. `timestamp_ms` is when it was produced, in Unix milliseconds; a tombstone's value is empty."""

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes
    headers: Headers = ()
