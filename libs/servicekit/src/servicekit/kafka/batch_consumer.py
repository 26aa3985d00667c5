"""A consumer that works on one batch at a time: records in, use case, offsets."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import structlog

from servicekit.errors import Unavailable
from servicekit.kafka.poison import TooManyPoisonRecords
from servicekit.kafka.ports import Consumer
from servicekit.kafka.records import Received
from servicekit.kafka.sieve import Sieve, Sifted
from servicekit.kafka.tracing import consumer_span
from servicekit.loops import insist

_log = structlog.get_logger()
T = TypeVar("T")


class BatchConsumer(Generic[T]):
    """A Component that hands each batch, parsed, to `take`, then commits its offsets.

    `take` gets the values and the offsets, by topic and partition number, at which to go on: to store them with what it writes, if it
    likes. Where it raises Unavailable, the batch is offered again until it is taken. What cannot be read is kept aside first; when that is
    too much, nothing more is consumed.
    """

    def __init__(
        self,
        kafka: Consumer,
        sieve: Sieve[T],
        take: Callable[[Sequence[T], Mapping[tuple[str, int], int]], Awaitable[object]],
        *,
        grace_seconds: float = 15,
    ) -> None:
        self.name = f"{sieve.group}-consumer"
        self._kafka = kafka
        self._sieve = sieve
        self._take = take
        self._grace_seconds = grace_seconds
        self._in_hand = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name=self.name)

    async def wait(self) -> None:
        if self._running is not None:
            await asyncio.shield(self._running)

    async def stop(self) -> None:
        """Finish the batch in hand, unless it takes longer than the grace; then it comes again."""
        if self._running is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace_seconds):
                await self._in_hand.acquire()
        self._running.cancel()
        await asyncio.wait({self._running})

    async def _run(self) -> None:
        async for batch in self._kafka.batches():
            async with self._in_hand:
                try:
                    sifted = self._sieve.sift(batch)
                except TooManyPoisonRecords:
                    _log.critical("consumer.stopped_by_poison", consumer=self.name)
                    break
                await self._work(batch, sifted)
        # Ended by poison: the process goes on, and the alert is raised by the guard's gauge.
        await asyncio.Event().wait()

    async def _work(self, batch: Sequence[Received], sifted: Sifted[T]) -> None:
        with consumer_span(self._sieve.group, batch):
            await self._sieve.store(sifted.kept)
            await self._until_taken(batch, [value for _, value in sifted.readable])
        await self._kafka.commit({received.partition: received.offset + 1 for received in batch})

    async def _until_taken(self, batch: Sequence[Received], values: Sequence[T]) -> None:
        offsets = {(received.partition.topic, received.partition.number): received.offset + 1 for received in batch}
        await insist(lambda: self._take(values, offsets), failed=self._waits)

    def _waits(self, error: Unavailable, failures: int) -> None:
        _log.warning("consumer.waits", consumer=self.name, reason=error.reason, failures=failures)
