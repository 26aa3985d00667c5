"""A consumer of batches: records in, use case, offsets."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import structlog

from scheduler_service import metrics
from scheduler_service.consumer.parsing import Unreadable
from scheduler_service.ports import Offsets
from servicekit.errors import Unavailable
from servicekit.kafka import Consumer, PoisonGuard, Producer, Received, TooManyPoisonRecords, consumer_span, dead_letter
from servicekit.runtime import Backoff

log = structlog.get_logger()

POISON_TOPIC = "heyday.scheduler.v1.poison"

T = TypeVar("T")


class BatchConsumer(Generic[T]):
    """A Component that hands each batch, parsed, to `take`, which writes the offsets too; then commits them, to show the lag.

    A batch is offered again until it is taken. What cannot be read goes to the poison topic first; when that is too much, nothing more
    is consumed.
    """

    def __init__(
        self,
        name: str,
        kafka: Consumer,
        parse: Callable[[bytes], T],
        take: Callable[[Sequence[T], Offsets], Awaitable[object]],
        poison: Producer,
        *,
        grace_seconds: float = 15,
    ) -> None:
        self.name = name
        self._kafka = kafka
        self._parse = parse
        self._take = take
        self._poison = poison
        self._guard = PoisonGuard(name)
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
                    readable, poison = self._sift(batch)
                except TooManyPoisonRecords:
                    log.critical("consumer.stopped_by_poison", consumer=self.name)
                    break
                await self._until_taken(batch, readable, poison)
        # Ended by poison: the process goes on, and the alert is raised by the guard's gauge.
        await asyncio.Event().wait()

    def _sift(self, batch: Sequence[Received]) -> tuple[list[T], list[tuple[Received, Unreadable]]]:
        readable, poison = [], []
        for received in batch:
            try:
                readable.append(self._parse(received.value))
            except Unreadable as error:
                log.error("consumer.poison", consumer=self.name, position=str(received.partition), offset=received.offset)
                poison.append((received, error))
        self._guard.saw(len(batch), len(poison))
        return readable, poison

    async def _until_taken(self, batch: Sequence[Received], readable: Sequence[T], poison: Sequence[tuple[Received, Unreadable]]) -> None:
        offsets: dict[tuple[str, int], int] = {(r.partition.topic, r.partition.number): r.offset + 1 for r in batch}
        backoff, failures = Backoff(), 0
        while True:
            try:
                with consumer_span(self.name, batch):
                    await self._poison.produce([dead_letter(received, error, POISON_TOPIC) for received, error in poison])
                    await self._take(readable, offsets)
                break
            except Unavailable as error:
                failures += 1
                log.warning("consumer.waits", consumer=self.name, reason=error.reason, failures=failures)
                await asyncio.sleep(backoff.seconds(failures))
        metrics.consumed(self.name, len(batch), len(poison))
        await self._kafka.commit({received.partition: received.offset + 1 for received in batch})
