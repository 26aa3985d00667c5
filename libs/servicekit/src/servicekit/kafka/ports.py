"""What services ask of Kafka."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from servicekit.errors import Unavailable
from servicekit.kafka.records import Partition, Received, Record


class KafkaUnavailable(Unavailable):
    """Kafka did not acknowledge in time: some, all or none of the records may have been stored."""


class RecordRefused(Exception):
    """Kafka will never take this record (too large, unknown topic, not allowed)."""


class Producer(Protocol):
    async def produce(self, records: Sequence[Record]) -> None:
        """Return when every record is acknowledged by all replicas in sync. An empty sequence returns at once.

        Waits when the queue is full (back-pressure). Raises KafkaUnavailable if any acknowledgement is missing after the timeout,
        RecordRefused if any record can never be taken; the others of the batch may be stored all the same, so producing again must be
        harmless. Records without headers are cheapest. Order is kept per key, also over internal retries.
        """


class Watermarks(NamedTuple):
    """The first offset a partition still holds, and the one its next record will get."""

    low: int
    high: int


StoredOffsets = Callable[[Collection[Partition]], Awaitable[Mapping[Partition, int]]]
Revoked = Callable[[frozenset[Partition]], Awaitable[None]]


class Consumer(Protocol):
    """A member of a consumer group.

    The *next offset* of a partition is where another member would begin if this one died. Reading does not move it; `commit` does. So a
    record is seen again, by this member or another, until an offset above its own is committed. After a partition is taken away its
    records already handed out may still be worked on; those not handed out yet never are.
    """

    def batches(self, stopping: asyncio.Event | None = None) -> AsyncIterator[list[Received]]:
        """Batches of records of all assigned partitions, each partition's in order; never an empty one. One reader at a time.

        Ends when the consumer stops or `stopping` is set. Raises the consumer's failure.
        """

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Move next offsets: each is the offset after the last record done. Partitions no longer assigned are passed over.

        Returns when the offsets are staged; the broker has them within a second, and before the partition goes to another member or the
        consumer stops. So after kill -9 about a second's records come again.
        """

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Fetch nothing from these until resumed (or assigned anew). Records already fetched are still handed out."""

    async def resume(self, partitions: Collection[Partition]) -> None: ...

    def assigned(self) -> frozenset[Partition]: ...

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The group's next offsets by the broker; partitions without one are left out. Raises KafkaUnavailable."""

    async def watermarks(self, partitions: Collection[Partition]) -> dict[Partition, Watermarks]:
        """Asks the broker. Raises KafkaUnavailable."""
