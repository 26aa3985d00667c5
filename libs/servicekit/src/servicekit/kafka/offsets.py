"""Which offset may be committed while records are finished out of order."""

from collections.abc import Collection, Iterable

from servicekit.kafka.records import Partition, Received


class OffsetTracker:
    """Pure bookkeeping: records taken in, records done, and the highest offset below which all are done, per partition.

    A record that is parked is simply not done yet: it holds its partition's offset while later records go on.
    """

    def __init__(self, most_in_flight: int = 1000) -> None:
        raise NotImplementedError

    def take(self, records: Iterable[Received]) -> None:
        """Note records as in flight. Records taken twice (after a rebalance) are counted once."""
        raise NotImplementedError

    def done(self, records: Iterable[Received]) -> None:
        """Note records as finished, in any order. Records of dropped partitions are passed over."""
        raise NotImplementedError

    def committable(self) -> dict[Partition, int]:
        """Next offsets that have grown since the last call: hand these to `Consumer.commit`."""
        raise NotImplementedError

    def in_flight(self, partition: Partition) -> int:
        raise NotImplementedError

    def full(self) -> frozenset[Partition]:
        """Partitions with `most_in_flight` records or more in flight: pause these, resume them when they are no longer named."""
        raise NotImplementedError

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget partitions that were taken away."""
        raise NotImplementedError
