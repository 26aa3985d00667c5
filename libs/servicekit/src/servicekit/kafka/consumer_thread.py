"""The thread that owns a librdkafka consumer and alone calls it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar, cast

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from servicekit.clock import monotonic
from servicekit.kafka.config import client_config, log_error
from servicekit.kafka.lag import LagGauge
from servicekit.kafka.queries import topic_partition
from servicekit.kafka.records import Headers, Partition, Received
from servicekit.settings import KafkaSettings

T = TypeVar("T")

COMMAND_WAIT_SECONDS = 0.02
#: A little above the bound of the hook itself, so that its own time-out is what ends it.
REBALANCE_SECONDS = 5.5
PREFETCHED_KILOBYTES = 16_384
#: Below the queue's bound, fetching resumes here: pausing throws away what librdkafka has prefetched, so it should be rare.
LOW_WATER_SHARE = 0.5

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a consumer reads, and how much at a time."""

    group: str
    topics: tuple[str, ...]
    batch_records: int
    batch_wait_seconds: float
    queued_records: int


class Listener(Protocol):
    """The event loop's side; all of it is called on the loop."""

    def on_records(self, records: list[Received]) -> None: ...

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]: ...

    async def on_revoked(self, partitions: frozenset[Partition]) -> None: ...

    def on_ended(self, failure: Exception | None) -> None: ...


class ConsumerThread(threading.Thread):
    """Consumes, runs commands in between, and holds still in a rebalance until the event loop is done with the partitions that go."""

    def __init__(self, settings: KafkaSettings, subscription: Subscription, listener: Listener, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name=f"kafka-consumer {subscription.group}", daemon=True)
        self._settings = settings
        self._subscription = subscription
        self._listener = listener
        self._loop = loop
        self._commands: SimpleQueue[Callable[[Consumer], None]] = SimpleQueue()
        self._ending = threading.Event()
        self._rejoining = threading.Event()
        self._assigned: dict[Partition, Partition] = {}
        self._held: set[Partition] = set()
        self._staged: dict[Partition, int] = {}
        self._staging = threading.Lock()
        self._stored: dict[Partition, int] = {}
        self._lag = LagGauge(subscription.group)
        self._throttled = False
        # Records given to the event loop, counted here, and those it took from the queue, counted there: each has one writer.
        self.given = 0
        self.taken = 0

    def end_soon(self) -> None:
        self._ending.set()

    def rejoin_soon(self) -> None:
        """Leave the group and join it with a client that knows nothing of the topics as they were."""
        self._rejoining.set()

    def submit(self, operation: Callable[[Consumer], T], answer: "asyncio.Future[T]") -> None:
        """Run `operation` in this thread and settle `answer` on the event loop."""

        def command(consumer: Consumer) -> None:
            try:
                result = operation(consumer)
            except Exception as error:
                self._on_loop(_settle, answer, None, error)
            else:
                self._on_loop(_settle, answer, result, None)

        self._commands.put(command)

    def run(self) -> None:
        failure: Exception | None = None
        try:
            self._consume_until_ended()
        except Exception as error:
            failure = error
        self._on_loop(self._listener.on_ended, failure)

    def stage(self, offsets: Mapping[Partition, int]) -> None:
        """Called on the event loop, which must not wait for this thread at each batch: it may be waiting for records."""
        with self._staging:
            self._staged.update(offsets)

    def _store_staged(self, consumer: Consumer) -> None:
        with self._staging:
            staged, self._staged = self._staged, {}
        ours = {partition: offset for partition, offset in staged.items() if partition in self._assigned}
        if ours:
            consumer.store_offsets(offsets=[topic_partition(partition, offset) for partition, offset in ours.items()])
            self._stored.update(ours)

    def hold(self, consumer: Consumer, partitions: frozenset[Partition]) -> None:
        ours = partitions & self._assigned.keys()
        self._held |= ours
        consumer.pause(list(map(topic_partition, ours)))

    def release(self, consumer: Consumer, partitions: frozenset[Partition]) -> None:
        ours = partitions & self._assigned.keys()
        self._held -= ours
        if not self._throttled:
            consumer.resume(list(map(topic_partition, ours)))

    def _consume_until_ended(self) -> None:
        while not self._ending.is_set():
            self._rejoining.clear()
            self._consume_as_a_member()

    def _consume_as_a_member(self) -> None:
        consumer = Consumer(self._config())
        try:
            consumer.subscribe(list(self._subscription.topics), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)
            while not self._ending.is_set() and not self._rejoining.is_set():
                self._run_commands(consumer)
                self._store_staged(consumer)
                self._throttle(consumer)
                self._give(consumer.consume(self._subscription.batch_records, self._subscription.batch_wait_seconds))
                self._lag.observe(consumer, self._assigned, self._stored)
        finally:
            consumer.close()

    def _give(self, messages: list[Message]) -> None:
        records = [record for message in messages if (record := self._received(message)) is not None]
        if records:
            self.given += len(records)
            self._lag.saw(records)
            self._on_loop(self._listener.on_records, records)

    def _received(self, message: Message) -> Received | None:
        error = message.error()
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            log_error(self.name, error)
            return None
        # The lookup by plain tuple spares a new Partition per record, and drops records of partitions that have just gone.
        partition = self._assigned.get((message.topic(), message.partition()))  # type: ignore[call-overload]
        if partition is None:
            return None
        headers = cast(Headers, message.headers() or ())
        return Received(partition, message.offset() or 0, message.timestamp()[1], message.key() or b"", message.value() or b"", headers)

    def _throttle(self, consumer: Consumer) -> None:
        waiting = self.given - self.taken
        if not self._throttled and waiting >= self._subscription.queued_records:
            self._throttled = True
            consumer.pause(list(map(topic_partition, self._assigned)))
        elif self._throttled and waiting <= self._subscription.queued_records * LOW_WATER_SHARE:
            self._throttled = False
            consumer.resume(list(map(topic_partition, self._assigned.keys() - self._held)))

    def _assign(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        partitions = _partitions(assigned)
        offsets = self._await(consumer, self._listener.on_assigned(partitions))
        if offsets is None:
            return  # ending: the partitions go back at once
        for each in assigned:
            each.offset = offsets.get(Partition(each.topic, each.partition), each.offset)
        consumer.incremental_assign(assigned)
        self._assigned.update({partition: partition for partition in partitions})
        if self._throttled:
            consumer.pause(assigned)

    def _revoke(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        partitions = _partitions(revoked)
        self._await(consumer, self._listener.on_revoked(partitions), REBALANCE_SECONDS)
        self._store_staged(consumer)
        stored = [topic_partition(partition, self._stored[partition]) for partition in partitions & self._stored.keys()]
        try:
            if stored:
                consumer.commit(offsets=stored, asynchronous=False)
        except KafkaException as error:
            _log.warning("kafka.last_commit_failed", group=self._subscription.group, error=error.args[0].name())
        self._forget(partitions)

    def _lose(self, consumer: Consumer, lost: list[TopicPartition]) -> None:
        """Another member has them already: a commit would be refused."""
        partitions = _partitions(lost)
        self._forget(partitions)
        self._await(consumer, self._listener.on_revoked(partitions), REBALANCE_SECONDS)

    def _forget(self, partitions: frozenset[Partition]) -> None:
        for partition in partitions:
            self._assigned.pop(partition, None)
            self._stored.pop(partition, None)
        self._held -= partitions

    def _await(self, consumer: Consumer, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T | None:
        """Have the event loop do `work` while this thread goes on with commands: the work may well be to commit."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        until = None if seconds is None else monotonic() + seconds
        while not future.done():
            self._run_commands(consumer, COMMAND_WAIT_SECONDS)
            if (until is not None and monotonic() > until) or (until is None and self._ending.is_set()):
                future.cancel()
                return None
        self._run_commands(consumer)
        return future.result()

    def _run_commands(self, consumer: Consumer, wait_seconds: float = 0) -> None:
        try:
            self._commands.get(block=wait_seconds > 0, timeout=wait_seconds or None)(consumer)
            while True:
                self._commands.get_nowait()(consumer)
        except Empty:
            return

    def _on_loop(self, function: Callable[..., object], *args: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    def _config(self) -> dict[str, Any]:
        return client_config(self._settings) | {
            "group.id": self._subscription.group,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": int(self._settings.kafka_session_timeout_seconds * 1000),
            "heartbeat.interval.ms": int(self._settings.kafka_session_timeout_seconds * 1000 / 6),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": True,
            "auto.commit.interval.ms": 1000,
            "enable.auto.offset.store": False,
            "queued.max.messages.kbytes": PREFETCHED_KILOBYTES,
            "fetch.wait.max.ms": self._settings.kafka_fetch_wait_milliseconds,
            "error_cb": lambda error: log_error(self.name, error),
        }


def _partitions(given: list[TopicPartition]) -> frozenset[Partition]:
    return frozenset(Partition(each.topic, each.partition) for each in given)


def _settle(answer: "asyncio.Future[Any]", result: object, error: Exception | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
