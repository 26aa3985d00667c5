"""The producer: one librdkafka producer, one thread that polls it, one future per batch."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as ConfluentProducer
from prometheus_client import Counter, Histogram

from servicekit.clock import perf_counter
from servicekit.kafka.config import client_config, log_error
from servicekit.kafka.ports import KafkaUnavailable, RecordRefused
from servicekit.kafka.records import Record
from servicekit.settings import KafkaSettings

POLL_SECONDS = 0.1
QUEUED_RECORDS = 100_000
QUEUE_FULL_WAIT_SECONDS = 0.01
PRODUCED = Counter("kafka_produced_records_total", "Records acknowledged by Kafka.", ["topic"])
FAILED = Counter("kafka_produce_failures_total", "Records that Kafka did not acknowledge.", ["topic", "error"])
SECONDS = Histogram("kafka_produce_batch_seconds", "From handing over a batch to its last acknowledgement.")

_log = structlog.get_logger()

#: Kafka will answer the same however often the record is produced.
_HOPELESS = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_MSG,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
}


class KafkaProducer:
    """A Producer and a Component over confluent-kafka's: idempotent, acks=all, lz4."""

    name = "kafka-producer"

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._core: ConfluentProducer | None = None
        self._thread = threading.Thread(target=self._poll, name=self.name, daemon=True)
        self._ending = threading.Event()
        self._failed: asyncio.Future[None] | None = None

    async def start(self) -> None:
        self._failed = asyncio.get_running_loop().create_future()
        self._core = ConfluentProducer(self._config())
        self._thread.start()

    async def wait(self) -> None:
        if self._failed is not None:
            await self._failed

    async def stop(self) -> None:
        if self._core is None or self._ending.is_set():
            return
        self._ending.set()
        await asyncio.to_thread(self._thread.join)

    async def produce(self, records: Sequence[Record]) -> None:
        if not records:
            return
        if self._core is None:
            raise KafkaUnavailable("The producer has not been started.")
        acknowledgements = _Acknowledgements(len(records))
        began = perf_counter()
        by_topic = _by_topic(records)
        for topic, group in by_topic.items():
            await self._enqueue(self._core, topic, group, acknowledgements)
        await acknowledgements.future
        SECONDS.observe(perf_counter() - began)
        for topic, group in by_topic.items():
            PRODUCED.labels(topic).inc(len(group))

    async def _enqueue(self, core: ConfluentProducer, topic: str, records: Sequence[Record], acknowledgements: "_Acknowledgements") -> None:
        left = records
        while left:
            # Only this event loop adds records, so the room seen here is really there: none is refused and overtaken by a later one.
            room = QUEUED_RECORDS - len(core)
            if room <= 0:
                await asyncio.sleep(QUEUE_FULL_WAIT_SECONDS)
                continue
            _hand_over(core, topic, left[:room], acknowledgements)
            left = left[room:]

    def _poll(self) -> None:
        assert self._core is not None
        while not self._ending.is_set():
            self._core.poll(POLL_SECONDS)
        left = self._core.flush(self._settings.kafka_acknowledgement_timeout_seconds)
        if left:
            _log.error("kafka.records_unacknowledged_at_stop", records=left)

    def _config(self) -> dict[str, Any]:
        timeout_ms = int(self._settings.kafka_acknowledgement_timeout_seconds * 1000)
        return client_config(self._settings) | {
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "queue.buffering.max.messages": QUEUED_RECORDS,
            "linger.ms": self._settings.kafka_linger_milliseconds,
            "delivery.timeout.ms": timeout_ms,
            "request.timeout.ms": max(1000, timeout_ms // 2),
            "error_cb": self._on_error,
        }

    def _on_error(self, error: KafkaError) -> None:
        log_error(self.name, error)
        if error.fatal() and self._failed is not None:
            self._failed.get_loop().call_soon_threadsafe(_settle, self._failed, KafkaException(error))


class _Acknowledgements:
    """Counts a batch's delivery reports, which come from the polling thread, and settles one future at the last."""

    def __init__(self, expected: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = expected
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self.future: asyncio.Future[None] = self._loop.create_future()

    def on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.fail(message.topic() or "", error)
        else:
            self._settle_one()

    def fail(self, topic: str, error: KafkaError) -> None:
        FAILED.labels(topic, error.name()).inc()
        self._error = self._error or _as_exception(topic, error)
        self._settle_one()

    def _settle_one(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, self.future, self._error)


def _hand_over(core: ConfluentProducer, topic: str, records: Sequence[Record], acknowledgements: _Acknowledgements) -> None:
    if any(record.headers for record in records):
        for record in records:
            _produce(core, record, acknowledgements)
        return
    # The cheapest way; it drops headers without a word, hence the other one.
    batch: list[dict[str, Any]] = [{"key": record.key, "value": record.value} for record in records]
    if core.produce_batch(topic, batch, on_delivery=acknowledgements.on_delivery) == len(batch):
        return
    for message in batch:
        if "_error" in message:
            acknowledgements.fail(topic, message["_error"])


def _produce(core: ConfluentProducer, record: Record, acknowledgements: _Acknowledgements) -> None:
    try:
        core.produce(record.topic, record.value, record.key, headers=list(record.headers), on_delivery=acknowledgements.on_delivery)
    except KafkaException as error:
        acknowledgements.fail(record.topic, error.args[0])
    except BufferError:
        acknowledgements.fail(record.topic, KafkaError(KafkaError._QUEUE_FULL))


def _by_topic(records: Sequence[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.topic].append(record)
    return groups


def _as_exception(topic: str, error: KafkaError) -> Exception:
    if error.code() in _HOPELESS:
        return RecordRefused(f"Kafka refused a record for {topic}: {error.name()}.")
    return KafkaUnavailable(f"Kafka did not acknowledge a record for {topic}: {error.name()}.")


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return  # the caller was cancelled
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
