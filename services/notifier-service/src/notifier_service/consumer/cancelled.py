"""Cancels: a group of their own, so that they overtake a backlog of due messages."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from notifier_service.consumer.sieve import Sieve, Sifted
from notifier_service.domain import Cancellation
from notifier_service.service import DeliveryService
from servicekit.kafka import Consumer, Received, TooManyPoisonRecords

_log = structlog.get_logger()


class CancelledConsumer:
    """A Component. One batch at a time: its answers are stored before its offsets move."""

    name = "cancelled-consumer"

    def __init__(self, kafka: Consumer, sieve: Sieve[Cancellation], service: DeliveryService, grace_seconds: float = 15) -> None:
        self._kafka = kafka
        self._sieve = sieve
        self._service = service
        self._grace_seconds = grace_seconds
        self._batch_in_hand = asyncio.Lock()
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
                await self._batch_in_hand.acquire()
        self._running.cancel()
        await asyncio.wait({self._running})

    async def _run(self) -> None:
        async for batch in self._kafka.batches():
            async with self._batch_in_hand:
                try:
                    sifted = self._sieve.sift(batch)
                except TooManyPoisonRecords:
                    _log.critical("cancelled.stopped_by_poison")
                    break
                await self._answer(batch, sifted)
        await asyncio.Event().wait()

    async def _answer(self, batch: Sequence[Received], sifted: Sifted[Cancellation]) -> None:
        await self._sieve.store(sifted.kept)
        highest: dict[bytes, Cancellation] = {}
        for _, asked in sifted.readable:
            if asked.id not in highest or highest[asked.id].revision < asked.revision:
                highest[asked.id] = asked
        await self._service.cancel(list(highest.values()))
        await self._kafka.commit({received.partition: received.offset + 1 for received in batch})
