"""Doubles and waits for tests; no service imports it at run time."""

import asyncio
import inspect
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from servicekit.clock import monotonic, unix_seconds
from servicekit.grpc_client import channel
from servicekit.grpc_server import GrpcServer, Registration
from servicekit.kafka import Partition, Received, Record, Watermarks
from servicekit.loops import pause
from servicekit.readiness import Readiness
from servicekit.settings import Environment, ServiceSettings


async def wait_until(
    predicate: Callable[[], Any], *, timeout_seconds: float = 5, interval_seconds: float = 0.01, what: str = "the condition"
) -> None:
    """Return when `predicate()` (a function or a coroutine function) is true; raise AssertionError naming `what` after the timeout."""
    until = monotonic() + timeout_seconds
    while True:
        answer = predicate()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if monotonic() > until:
            raise AssertionError(f"Waited {timeout_seconds} s in vain for {what}.")
        await asyncio.sleep(interval_seconds)


@asynccontextmanager
async def grpc_channel(registrations: Sequence[Registration]) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server of these servicers on a free port of 127.0.0.1, with production's interceptors; both end with the block."""
    settings = ServiceSettings(environment=Environment.TEST, grpc_address="127.0.0.1:0", shutdown_grace_seconds=0.1)
    server = GrpcServer(settings, registrations, readiness=Readiness())
    await server.start()
    try:
        async with channel(f"127.0.0.1:{server.port}") as client:
            yield client
    finally:
        await server.stop()


class MemoryBroker:
    """Topics in memory, with as many partitions each; records of a key go to one partition, as in Kafka."""

    def __init__(self, partitions: int = 4) -> None:
        self._partitions = partitions
        self.logs: dict[Partition, list[Received]] = defaultdict(list)
        self.committed: dict[tuple[str, Partition], int] = {}
        #: Set, and replaced, at each append.
        self.appended = asyncio.Event()

    def partitions(self, topics: Collection[str]) -> frozenset[Partition]:
        return frozenset(Partition(topic, number) for topic in topics for number in range(self._partitions))

    def records(self, topic: str) -> list[Received]:
        """All records of a topic, by partition."""
        return [record for partition in sorted(self.partitions([topic])) for record in self.logs[partition]]

    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            partition = Partition(record.topic, zlib.crc32(record.key) % self._partitions)
            log = self.logs[partition]
            log.append(Received(partition, len(log), int(unix_seconds() * 1000), record.key, record.value, tuple(record.headers)))
        self.wake()

    def wake(self) -> None:
        """Let waiting consumers look again."""
        self.appended.set()
        self.appended = asyncio.Event()


class MemoryProducer:
    """A Producer into a MemoryBroker. `failure`, while set, is raised instead, and nothing is stored."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self.failure: Exception | None = None

    async def produce(self, records: Sequence[Record]) -> None:
        if self.failure is not None and records:
            raise self.failure
        await self._broker.append(records)


class MemoryConsumer:
    """A Consumer of a MemoryBroker: the only member of its group, with all partitions from the beginning of its life."""

    def __init__(self, broker: MemoryBroker, *, group: str, topics: Sequence[str], batch_records: int = 1000) -> None:
        self._broker = broker
        self._group = group
        self._assigned = broker.partitions(topics)
        self._batch_records = batch_records
        self._held: set[Partition] = set()
        self._stopped = asyncio.Event()
        self._read = {partition: broker.committed.get((group, partition), 0) for partition in self._assigned}

    async def stop(self) -> None:
        self._stopped.set()

    async def batches(self, stopping: asyncio.Event | None = None) -> AsyncIterator[list[Received]]:
        ends = (self._stopped, stopping or self._stopped)
        while not any(end.is_set() for end in ends):
            if batch := self._next_batch():
                yield batch
                continue
            await pause(0.05, self._broker.appended, *ends)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        self._broker.committed.update({(self._group, partition): at for partition, at in offsets.items() if partition in self._assigned})

    async def pause(self, partitions: Collection[Partition]) -> None:
        self._held |= self._assigned & frozenset(partitions)

    async def resume(self, partitions: Collection[Partition]) -> None:
        self._held -= frozenset(partitions)
        self._broker.wake()

    def assigned(self) -> frozenset[Partition]:
        return frozenset() if self._stopped.is_set() else self._assigned

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        found = self._broker.committed
        return {partition: found[self._group, partition] for partition in partitions if (self._group, partition) in found}

    async def watermarks(self, partitions: Collection[Partition]) -> dict[Partition, Watermarks]:
        return {partition: Watermarks(0, len(self._broker.logs[partition])) for partition in partitions}

    def _next_batch(self) -> list[Received]:
        batch: list[Received] = []
        for partition in sorted(self._assigned - self._held):
            start = self._read[partition]
            batch += self._broker.logs[partition][start : start + self._batch_records - len(batch)]
            self._read[partition] = start + sum(record.partition == partition for record in batch)
        return batch
