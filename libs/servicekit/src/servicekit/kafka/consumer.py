"""The consumer as the event loop sees it: batches that wait, and commands to the thread that drives librdkafka."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import TypeVar

import structlog
from confluent_kafka import Consumer as ConfluentConsumer

from servicekit.kafka.consumer_thread import ConsumerThread, Subscription
from servicekit.kafka.ports import KafkaUnavailable, Revoked, StoredOffsets, Watermarks
from servicekit.kafka.queries import committed_offsets, watermark_offsets
from servicekit.kafka.records import Partition, Received
from servicekit.kafka.topic_watch import TopicWatch
from servicekit.loops import Backoff
from servicekit.settings import KafkaSettings

T = TypeVar("T")

REVOKE_SECONDS = 5.0

_log = structlog.get_logger()


class KafkaConsumer:
    """A Consumer and a Component over confluent-kafka's: classic protocol, cooperative-sticky.

    With `stored_offsets` partitions begin where that lookup says (kept in the service's own database, with the work); it is asked again
    until it answers; partitions it leaves out begin at the group's offset. `revoked` is awaited, at most 5 s, before partitions go to
    another member: finish or release what is in flight and commit. About `queued_records` wait in memory, plus one batch.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        group: str,
        topics: Sequence[str],
        batch_records: int = 1000,
        batch_wait_seconds: float = 0.05,
        queued_records: int = 5000,
        stored_offsets: StoredOffsets | None = None,
        revoked: Revoked | None = None,
    ) -> None:
        self.name = f"kafka-consumer {group}"
        self._settings = settings
        self._subscription = Subscription(group, tuple(topics), batch_records, batch_wait_seconds, queued_records)
        self._stored_offsets = stored_offsets
        self._revoked = revoked
        self._thread: ConsumerThread | None = None
        self._watch: asyncio.Task[None] | None = None
        self._waiting: deque[list[Received]] = deque()
        self._arrived = asyncio.Event()
        self._assigned: frozenset[Partition] = frozenset()
        self._answers: set[asyncio.Future[object]] = set()
        self._ended = asyncio.Event()
        self._failure: Exception | None = None

    async def start(self) -> None:
        self._thread = ConsumerThread(self._settings, self._subscription, self, asyncio.get_running_loop())
        self._thread.start()
        self._watch = asyncio.create_task(TopicWatch(self._settings, self._subscription.topics, self._thread.rejoin_soon).run())

    async def wait(self) -> None:
        await self._ended.wait()
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._thread is not None:
            self._thread.end_soon()
            await self._ended.wait()

    async def batches(self, stopping: asyncio.Event | None = None) -> AsyncIterator[list[Received]]:
        while await self._next_arrived(stopping):
            yield self._gather()
        if self._failure is not None:
            raise self._failure

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        if self._thread is not None:
            self._thread.stage(offsets)

    async def pause(self, partitions: Collection[Partition]) -> None:
        thread = self._running()
        await self._call(lambda consumer: thread.hold(consumer, frozenset(partitions)))

    async def resume(self, partitions: Collection[Partition]) -> None:
        thread = self._running()
        await self._call(lambda consumer: thread.release(consumer, frozenset(partitions)))

    def assigned(self) -> frozenset[Partition]:
        return self._assigned

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        return await self._call(lambda consumer: committed_offsets(consumer, partitions))

    async def watermarks(self, partitions: Collection[Partition]) -> dict[Partition, Watermarks]:
        return await self._call(lambda consumer: watermark_offsets(consumer, partitions))

    # Called by the thread, on the event loop.

    def on_records(self, records: list[Received]) -> None:
        self._waiting.append(records)
        self._arrived.set()

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        offsets = await self._look_up_offsets(partitions)
        self._assigned |= partitions
        _log.info("kafka.assigned", group=self._subscription.group, partitions=len(partitions), in_all=len(self._assigned))
        return offsets

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        _log.info("kafka.revoked", group=self._subscription.group, partitions=len(partitions))
        self._drop_waiting(partitions)
        try:
            if self._revoked is not None:
                async with asyncio.timeout(REVOKE_SECONDS):
                    await self._revoked(partitions)
        except Exception:
            _log.exception("kafka.revoke_hook_failed", group=self._subscription.group)
        finally:
            self._assigned -= partitions

    def on_ended(self, failure: Exception | None) -> None:
        self._failure = failure
        self._ended.set()
        self._arrived.set()
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(KafkaUnavailable("The consumer has stopped."))

    # Below: the event loop's side alone.

    def _running(self) -> ConsumerThread:
        if self._thread is None or self._ended.is_set():
            raise KafkaUnavailable("The consumer is not running.")
        return self._thread

    async def _call(self, operation: Callable[[ConfluentConsumer], T]) -> T:
        """Have the thread do it: librdkafka's calls from two threads can wait for each other for minutes."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._running().submit(operation, answer)
        self._answers.add(answer)  # type: ignore[arg-type] # futures are invariant; only failures are set through this set
        answer.add_done_callback(self._answers.discard)
        return await answer

    async def _look_up_offsets(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        failures = 0
        while self._stored_offsets is not None:
            try:
                return await self._stored_offsets(partitions)
            except Exception:
                failures += 1
                _log.exception("kafka.stored_offsets_unknown", group=self._subscription.group)
                await asyncio.sleep(Backoff(longest=5).seconds(failures))
        return {}

    async def _next_arrived(self, stopping: asyncio.Event | None) -> bool:
        while not self._waiting and not self._ended.is_set():
            if stopping is not None and stopping.is_set():
                return False
            self._arrived.clear()
            await _either(self._arrived, stopping)
        return bool(self._waiting) and not (stopping is not None and stopping.is_set())

    def _gather(self) -> list[Received]:
        """What waits, up to one batch: while the reader was busy with one, many small ones may have come."""
        records = self._waiting.popleft()
        while self._waiting and len(records) + len(self._waiting[0]) <= self._subscription.batch_records:
            records = records + self._waiting.popleft()
        self._running_or_ended_took(len(records))
        return records

    def _drop_waiting(self, partitions: frozenset[Partition]) -> None:
        before = sum(map(len, self._waiting))
        kept = ([record for record in batch if record.partition not in partitions] for batch in self._waiting)
        self._waiting = deque(batch for batch in kept if batch)
        self._running_or_ended_took(before - sum(map(len, self._waiting)))

    def _running_or_ended_took(self, records: int) -> None:
        if self._thread is not None:
            self._thread.taken += records


async def _either(first: asyncio.Event, second: asyncio.Event | None) -> None:
    if second is None:
        await first.wait()
        return
    waits = [asyncio.ensure_future(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
