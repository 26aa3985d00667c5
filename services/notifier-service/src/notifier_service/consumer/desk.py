"""Which records are in hand, parked or held, and which offsets that leaves to commit."""

import asyncio
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from heapq import heappop, heappush
from itertools import chain, count

from notifier_service import metrics
from notifier_service.domain import Due
from servicekit.clock import Clock
from servicekit.kafka import OffsetTracker, Partition, Received


class DueDesk:
    """Bookkeeping of one due consumer; no I/O. Records of partitions that were taken away are forgotten, whoever brings them back."""

    def __init__(self, clock: Clock, most_parked: int = 1000) -> None:
        self._clock = clock
        self._most_parked = most_parked
        self._tracker = OffsetTracker()
        self._records: dict[Due, Sequence[Received]] = {}
        self._parked: list[tuple[float, int, Due]] = []
        self._parked_in: Counter[Partition] = Counter()
        self._held: deque[Due] = deque()
        self._tickets = count()
        self.has_held = asyncio.Event()
        self.takes_new = asyncio.Event()
        self.takes_new.set()

    def take(self, batch: Sequence[Received], readable: Iterable[tuple[Received, Due]]) -> list[Due]:
        """Note a batch; return one record for each id, the highest revision: the id's others are done when that one is."""
        self._tracker.take(batch)
        by_id: dict[bytes, list[tuple[Received, Due]]] = {}
        for received, due in readable:
            by_id.setdefault(due.id, []).append((received, due))
        dues = []
        for same in by_id.values():
            due = same[0][1] if len(same) == 1 else max((due for _, due in same), key=lambda due: due.revision)
            self._records[due] = [received for received, _ in same]
            dues.append(due)
        metrics.RECORDS.inc(len(batch))
        self._measure()
        return dues

    def done(self, dues: Sequence[Due]) -> None:
        self._tracker.done(list(chain.from_iterable(self._records.pop(due, ()) for due in dues)))
        self._measure()

    def done_unread(self, records: Sequence[Received]) -> None:
        """These could not be read and are kept elsewhere."""
        self._tracker.done(records)

    def later(self, dues: Sequence[Due], seconds: float) -> None:
        at = self._clock.monotonic() + seconds
        for due in dues:
            if due in self._records:
                heappush(self._parked, (at, next(self._tickets), due))
                self._parked_in[self._partition(due)] += 1
        self._measure()

    def held(self, dues: Sequence[Due]) -> None:
        ours = [due for due in dues if due in self._records]
        if ours:
            self._held.extend(ours)
            self.takes_new.clear()
            self.has_held.set()
            self._measure()

    def ripe(self, limit: int) -> list[Due]:
        """Take out at most `limit` parked records whose time has come, one per id."""
        now = self._clock.monotonic()
        taken: dict[bytes, Due] = {}
        again = []
        while self._parked and self._parked[0][0] <= now and len(taken) < limit:
            parked = heappop(self._parked)
            due = parked[2]
            if due not in self._records:
                continue
            if due.id in taken:
                again.append(parked)
                continue
            taken[due.id] = due
            self._parked_in[self._partition(due)] -= 1
        for parked in again:
            heappush(self._parked, parked)
        return list(taken.values())

    def unheld(self, limit: int) -> list[Due]:
        """Take out at most `limit` held records, one per id."""
        taken: dict[bytes, Due] = {}
        for _ in range(len(self._held)):
            due = self._held.popleft()
            if due in self._records:
                if due.id not in taken and len(taken) < limit:
                    taken[due.id] = due
                else:
                    self._held.append(due)
        return list(taken.values())

    def holds_any(self, dues: Sequence[Due]) -> bool:
        return not set(self._held).isdisjoint(dues)

    def reopen(self) -> None:
        """Take in new records again, unless some are held."""
        if not self._held:
            self.has_held.clear()
            self.takes_new.set()

    def crowded(self) -> frozenset[Partition]:
        """Partitions with too many parked records: nothing more is fetched from these."""
        return frozenset(partition for partition, parked in self._parked_in.items() if parked >= self._most_parked)

    def set_aside(self, partitions: Collection[Partition]) -> None:
        """Forget what is parked or held of these partitions: their next owner gets it."""
        idle = {due for _, _, due in self._parked} | set(self._held)
        for due in idle:
            if due in self._records and self._partition(due) in partitions:
                del self._records[due]
        for partition in partitions:
            self._parked_in.pop(partition, None)

    def forget(self, partitions: Collection[Partition]) -> None:
        self.set_aside(partitions)
        for due in [due for due in self._records if self._partition(due) in partitions]:
            del self._records[due]
        self._tracker.drop(partitions)
        self._measure()

    def in_hand(self, partitions: Collection[Partition] | None = None) -> int:
        """Records being worked on, of these partitions or of all: neither parked nor held."""
        idle = {due for _, _, due in self._parked} | set(self._held)
        return sum(1 for due in self._records if due not in idle and (partitions is None or self._partition(due) in partitions))

    def committable(self) -> dict[Partition, int]:
        return self._tracker.committable()

    def _partition(self, due: Due) -> Partition:
        return self._records[due][0].partition

    def _measure(self) -> None:
        metrics.IN_FLIGHT.set(len(self._records))
        metrics.PARKED.set(len(self._parked))
        metrics.HELD.set(len(self._held))
