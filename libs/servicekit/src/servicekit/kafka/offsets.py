"""Which offset may be committed while records are finished out of order."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from servicekit.kafka.records import Partition, Received


@dataclass(slots=True)
class _Progress:
    """One partition's records in flight, in order; `finished` are those among them that are done but have an unfinished one before."""

    taken: deque[int] = field(default_factory=deque)
    finished: set[int] = field(default_factory=set)
    last_taken: int = -1
    next_offset: int = -1
    told: int = -1

    def advance(self) -> None:
        while self.taken and self.taken[0] in self.finished:
            offset = self.taken.popleft()
            self.finished.discard(offset)
            self.next_offset = offset + 1

    @property
    def in_flight(self) -> int:
        return len(self.taken) - len(self.finished)


class OffsetTracker:
    """Pure bookkeeping: records taken in, records done, and the highest offset below which all are done, per partition.

    A record that is parked is simply not done yet: it holds its partition's offset while later records go on.
    """

    def __init__(self, most_in_flight: int = 1000) -> None:
        self._most_in_flight = most_in_flight
        self._partitions: dict[Partition, _Progress] = {}

    def take(self, records: Iterable[Received]) -> None:
        """Note records as in flight. One that was taken before, and not dropped, is counted once."""
        for record in records:
            progress = self._partitions.setdefault(record.partition, _Progress())
            if record.offset > progress.last_taken:
                progress.taken.append(record.offset)
                progress.last_taken = record.offset

    def done(self, records: Iterable[Received]) -> None:
        """Note records as finished, in any order. Records of dropped partitions, or finished before, are passed over."""
        touched = set()
        for record in records:
            progress = self._partitions.get(record.partition)
            if progress is not None and progress.taken and progress.taken[0] <= record.offset <= progress.last_taken:
                progress.finished.add(record.offset)
                touched.add(record.partition)
        for partition in touched:
            self._partitions[partition].advance()

    def committable(self) -> dict[Partition, int]:
        """Next offsets that have grown since the last call: hand these to `Consumer.commit`."""
        grown = {
            partition: progress.next_offset for partition, progress in self._partitions.items() if progress.next_offset > progress.told
        }
        for partition, offset in grown.items():
            self._partitions[partition].told = offset
        return grown

    def in_flight(self, partition: Partition) -> int:
        progress = self._partitions.get(partition)
        return 0 if progress is None else progress.in_flight

    def full(self) -> frozenset[Partition]:
        """Partitions with `most_in_flight` records or more in flight: pause these, and resume them when they are no longer named."""
        return frozenset(partition for partition, progress in self._partitions.items() if progress.in_flight >= self._most_in_flight)

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget partitions that were taken away: if they come back, their records do too."""
        for partition in partitions:
            self._partitions.pop(partition, None)
