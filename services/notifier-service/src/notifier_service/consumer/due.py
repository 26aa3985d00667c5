"""Due messages: read, worked on in a few batches at once, committed in order."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import structlog

from notifier_service import metrics
from notifier_service.consumer.desk import DueDesk
from notifier_service.domain import Due
from notifier_service.service import DeliveryService
from servicekit import failpoint
from servicekit.clock import Clock
from servicekit.kafka import Consumer, Partition, Received, Sieve, Sifted, TooManyPoisonRecords, consumer_span
from servicekit.runtime import Backoff

_log = structlog.get_logger()

COMMIT_EVERY_SECONDS = 0.2
LOOK_EVERY_SECONDS = 0.25
REVOKE_SECONDS = 4.0
# Kept of the grace for writing what calls that were cut off leave behind.
CUT_MARGIN_SECONDS = 4.0


HELD_BACKOFF = Backoff(first=1.0, longest=15.0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """`probe_records`: how many of the held records are tried to learn whether the dispatcher takes any again."""

    batches_in_flight: int = 4
    batch_records: int = 1000
    probe_records: int = 10
    grace_seconds: float = 15
    held_backoff: Backoff = HELD_BACKOFF


class DueConsumer:
    """A Component. Ends, and the process with it, if any of its loops fails: what it had taken in comes again."""

    name = "due-consumer"

    def __init__(
        self, kafka: Consumer, sieve: Sieve[Due], desk: DueDesk, service: DeliveryService, clock: Clock, bounds: Bounds = Bounds()
    ) -> None:
        self._kafka = kafka
        self._sieve = sieve
        self._desk = desk
        self._service = service
        self._clock = clock
        self._bounds = bounds
        self._slots = asyncio.Semaphore(bounds.batches_in_flight)
        self._fetched: list[Received] = []
        self._paused: frozenset[Partition] = frozenset()
        self._intake: list[asyncio.Task[None]] = []
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name=self.name)

    async def wait(self) -> None:
        if self._running is not None:
            await asyncio.shield(self._running)

    async def stop(self) -> None:
        """Take nothing more, finish what is in hand or cut it off, and commit."""
        if self._running is None or not self._is_running():
            return
        for task in self._intake:
            task.cancel()
        if not await self._finished(None, self._bounds.grace_seconds - CUT_MARGIN_SECONDS):
            _log.warning("due.cut_off", records=self._desk.in_hand())
            self._service.cut()
            await self._finished(None, CUT_MARGIN_SECONDS - 1)
        await self._commit()
        self._running.cancel()
        await asyncio.wait({self._running})

    async def revoked(self, partitions: Collection[Partition]) -> None:
        """Before partitions go to another member: finish what is in hand of them, leave what waits, commit."""
        self._fetched = [received for received in self._fetched if received.partition not in partitions]
        self._desk.set_aside(partitions)
        try:
            if self._is_running() and not await self._finished(partitions, REVOKE_SECONDS):
                _log.warning("due.left_in_flight", records=self._desk.in_hand(partitions))
            await self._commit()
        finally:
            self._desk.forget(partitions)
            self._paused -= frozenset(partitions)

    def _is_running(self) -> bool:
        return self._running is not None and not self._running.done()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._intake = [tasks.create_task(loop(tasks)) for loop in (self._read, self._look_again, self._retry_held)]
            tasks.create_task(self._keep_offsets())

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        """Ends, and the rest goes on, when too much is poison: a person is wanted, and a new start would only store more of it."""
        async for fetched in self._kafka.batches():
            self._fetched = fetched
            await self._desk.takes_new.wait()
            await self._slots.acquire()
            batch, self._fetched = self._fetched, []
            try:
                sifted = self._sieve.sift(batch)
            except TooManyPoisonRecords:
                _log.critical("due.stopped_by_poison")
                return
            dues = self._desk.take(batch, sifted.readable)
            tasks.create_task(self._work(dues))
            if sifted.poison:
                tasks.create_task(self._keep_aside(sifted))

    async def _keep_aside(self, sifted: Sifted[Due]) -> None:
        await self._sieve.store(sifted.kept)
        self._desk.done_unread(sifted.poison)

    async def _look_again(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            await self._start_all(tasks, self._desk.ripe)

    async def _retry_held(self, tasks: asyncio.TaskGroup) -> None:
        """Try a few of the held records until they are taken, then all. Nothing new is taken in meanwhile."""
        failures = 1
        while True:
            await self._desk.has_held.wait()
            await asyncio.sleep(self._bounds.held_backoff.seconds(failures))
            await self._slots.acquire()
            probes = self._desk.unheld(self._bounds.probe_records)
            await asyncio.wait({tasks.create_task(self._work(probes))})
            if self._desk.holds_any(probes):
                failures += 1
                continue
            failures = 1
            await self._start_all(tasks, self._desk.unheld)
            self._desk.reopen()

    async def _start_all(self, tasks: asyncio.TaskGroup, take_out: Callable[[int], list[Due]]) -> None:
        """Begin with all that can be taken out. A slot comes first: a stop would find what is out of its pile in nobody's hand."""
        while True:
            await self._slots.acquire()
            dues = take_out(self._bounds.batch_records)
            if not dues:
                self._slots.release()
                return
            tasks.create_task(self._work(dues))

    async def _work(self, dues: Sequence[Due]) -> None:
        """Work on a batch for which a slot was acquired."""
        await failpoint.reach("notifier.after_consume")
        try:
            with metrics.BATCH_SECONDS.time(), consumer_span("notifier.due", (), (due.traceparent for due in dues)):
                await self._service.deliver(dues)
        finally:
            self._slots.release()

    async def _keep_offsets(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY_SECONDS)
            await self._commit()
            crowded = self._desk.crowded()
            await self._kafka.pause(crowded - self._paused)
            await self._kafka.resume(self._paused - crowded)
            self._paused = crowded

    async def _commit(self) -> None:
        if offsets := self._desk.committable():
            await self._kafka.commit(offsets)

    async def _finished(self, partitions: Collection[Partition] | None, seconds: float) -> bool:
        deadline = self._clock.monotonic() + seconds
        while self._desk.in_hand(partitions):
            if self._clock.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True
