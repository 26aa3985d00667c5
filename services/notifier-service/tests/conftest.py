import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any, Protocol
from uuid import UUID, uuid4

import grpc.aio
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy.ext.asyncio import AsyncEngine

from heyday.dispatcher.v1 import dispatcher_service_pb2_grpc
from heyday.dispatcher.v1.dispatcher_service_pb2 import DispatchResponse, DispatchResult
from heyday.notifier.v1.delivery_pb2 import DeadLetter
from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.scheduler.v1.message_cancelled_pb2 import MessageCancelled
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service import bootstrap
from notifier_service.adapters.memory import MemoryLedger
from notifier_service.adapters.postgres import PostgresDeliveryReader, PostgresLedger
from notifier_service.consumer.parsing import parse_cancelled, parse_due
from notifier_service.domain import Cancellation, Due, Terms
from notifier_service.ports import DeliveryReader, Ledger
from notifier_service.settings import Settings
from occasions.identity import message_id
from servicekit import topics
from servicekit.kafka import KafkaProducer, Record
from servicekit.postgres import create_engine
from servicekit.runtime import Readiness, supervise
from servicekit.settings import Environment, KafkaSettings, PostgresSettings
from servicekit.testing import wait_until

SECOND = 1_000_000
HOUR = 3600 * SECOND


@pytest.fixture
def now_us() -> int:
    return time.time_ns() // 1000


def new_user() -> UUID:
    """An id never used before: topics outlive a test."""
    return UUID(int=uuid4().int & ~(0xF << 76) | (7 << 76))


@pytest.fixture
def due_record(now_us: int) -> Callable[..., MessageDue]:
    """Makes a record that may be sent now and for an hour, of a user of its own unless one is given; times are in seconds from now."""

    def make(
        user: UUID | None = None, local_date: date = date(2026, 11, 25), not_before: float = -60, not_after: float = 3600, **fields: Any
    ) -> MessageDue:
        user = user or new_user()
        kind = fields.setdefault("kind", "birthday")
        record = MessageDue(
            id=message_id(user, kind, local_date).bytes,
            user_id=user.bytes,
            **{"revision": 1, "variant": "on_the_day", "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", **fields},
        )
        expires = fields.get("expires", 48 * 3600)
        for field, seconds in (("not_before", not_before), ("not_after", not_after), ("due", not_before), ("expire", expires)):
            getattr(record, f"{field}_time").FromMicroseconds(now_us + int(seconds * SECOND))
        return record

    return make


@pytest.fixture
def make_due(due_record: Callable[..., MessageDue]) -> Callable[..., Due]:
    return lambda **said: parse_due(due_record(**said).SerializeToString())


@pytest.fixture
def again(make_due: Callable[..., Due]) -> Callable[..., Due]:
    """The same message as `due`, with other fields."""
    return lambda due, **said: make_due(user=UUID(bytes=due.user_id), kind=due.kind, local_date=due.local_date, **said)


@pytest.fixture
def cancel_of() -> Callable[..., Cancellation]:
    def make(due: Due, revision: int = 1) -> Cancellation:
        return parse_cancelled(MessageCancelled(id=due.id, revision=revision, user_id=due.user_id).SerializeToString())

    return make


class LedgerWorld(Protocol):
    """A ledger whose time passes when told to."""

    terms: Terms

    @property
    def ledger(self) -> Ledger: ...

    @property
    def reader(self) -> DeliveryReader: ...

    def pass_seconds(self, seconds: float) -> None: ...

    def change_terms(self, **terms: Any) -> None: ...


class PostgresWorld:
    def __init__(self, engine: AsyncEngine) -> None:
        self.terms = Terms()
        self._engine = engine
        self._seconds = 0.0

    @property
    def ledger(self) -> PostgresLedger:
        return PostgresLedger(self._engine, self.terms, self._seconds)

    @property
    def reader(self) -> PostgresDeliveryReader:
        return PostgresDeliveryReader(self._engine)

    def pass_seconds(self, seconds: float) -> None:
        self._seconds += seconds

    def change_terms(self, **terms: Any) -> None:
        self.terms = replace(self.terms, **terms)


class MemoryWorld:
    def __init__(self, now_us: int) -> None:
        self._now_us = now_us
        self.terms = Terms()
        self.ledger = MemoryLedger(lambda: self._now_us, self.terms)
        self.reader = self.ledger

    def pass_seconds(self, seconds: float) -> None:
        self._now_us += int(seconds * SECOND)

    def change_terms(self, **terms: Any) -> None:
        self.terms = replace(self.terms, **terms)
        self.ledger.terms = self.terms


@pytest.fixture
async def engine(database: Callable[..., Any]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(PostgresSettings(database_url=database("notifier").url), "test")
    yield engine
    await engine.dispose()


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest, now_us: int) -> LedgerWorld:
    if request.param == "memory":
        return MemoryWorld(now_us)
    return PostgresWorld(request.getfixturevalue("engine"))


class FakeDispatcher(dispatcher_service_pb2_grpc.DispatcherServiceServicer):
    """Accepts all, unless told otherwise: `play` gets a record and how often its id has come, and gives its result; None: none, ever."""

    def __init__(self) -> None:
        self.calls: Counter[bytes] = Counter()
        self.slices: list[int] = []
        self.play: Callable[[MessageDue, int], DispatchResult | None] = lambda due, call: DispatchResult(result="ACCEPTED")
        self.group = 100
        self.gate = asyncio.Event()
        self.gate.set()
        self.abort: grpc.StatusCode | None = None

    async def Dispatch(self, request: Any, context: Any) -> AsyncIterator[DispatchResponse]:
        self.slices.append(len(request.messages))
        if self.abort:
            await context.abort(self.abort, "told to")
        results = []
        for index, payload in enumerate(request.messages):
            due = MessageDue.FromString(payload)
            self.calls[due.id] += 1
            await self.gate.wait()
            result = self.play(due, self.calls[due.id])
            if result is None:
                continue
            result.index = index
            result.provider = result.provider or "fake"
            if result.result == DispatchResult.ACCEPTED:
                result.provider_message_id = due.id.hex()
            result.call_count = max(result.call_count, 0 if result.result == DispatchResult.NOT_TRIED else 1)
            results.append(result)
            if len(results) == self.group:
                yield DispatchResponse(results=results)
                results = []
        yield DispatchResponse(results=results)


@pytest.fixture
async def dispatcher() -> AsyncIterator[tuple[FakeDispatcher, str]]:
    """A dispatcher and where it is served."""
    fake = FakeDispatcher()
    server = grpc.aio.server()
    dispatcher_service_pb2_grpc.add_DispatcherServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield fake, f"127.0.0.1:{port}"
    await server.stop(0)


class Topic:
    """Reads all of a topic."""

    def __init__(self, bootstrap_servers: str, name: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "tests", "enable.auto.commit": False})
        numbers = self._consumer.list_topics(name).topics[name].partitions
        self._consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in numbers])
        self.seen: list[Any] = []

    def read(self) -> list[Any]:
        self.seen += [message for message in self._consumer.consume(1000, 0.05) if message.error() is None]
        return self.seen

    def close(self) -> None:
        self._consumer.close()


class Mesh:
    """The world around one notifier."""

    def __init__(self, settings: dict[str, Any], producer: KafkaProducer) -> None:
        self._settings = settings
        self._producer = producer
        servers = settings["kafka_bootstrap_servers"]
        self.outcome_topic = Topic(servers, bootstrap.OUTCOME_TOPIC)
        self.dead_letter_topic = Topic(servers, bootstrap.DEAD_LETTER_TOPIC)
        self.poison_topic = Topic(servers, bootstrap.POISON_TOPIC)

    @asynccontextmanager
    async def notifier(self, **settings: Any) -> AsyncIterator[None]:
        """One replica; stopped as by SIGTERM at the end of the block."""
        read = Settings(**{**self._settings, **settings})
        readiness, stop = Readiness(), asyncio.Event()
        running = asyncio.create_task(
            supervise(bootstrap.build(read, readiness), stop, grace_seconds=read.shutdown_grace_seconds, readiness=readiness)
        )
        await wait_until(lambda: readiness.ready or running.done(), timeout_seconds=60, what="the notifier to be ready")
        try:
            yield
        finally:
            stop.set()
            assert await running == 0

    def process(self, **settings: Any) -> "subprocess.Popen[bytes]":
        """One replica as a process of its own."""
        given = {name.upper(): str(value) for name, value in {**self._settings, **settings}.items()}
        return subprocess.Popen([sys.executable, "-m", "notifier_service"], env={**os.environ, **given}, stdout=subprocess.DEVNULL)

    async def emit(self, records: Sequence[MessageDue]) -> None:
        await self._producer.produce([Record(bootstrap.DUE_TOPIC, each.user_id, each.SerializeToString()) for each in records])

    async def cancel(self, due: MessageDue, revision: int) -> None:
        question = MessageCancelled(id=due.id, revision=revision, user_id=due.user_id)
        await self._producer.produce([Record(bootstrap.CANCELLED_TOPIC, due.user_id, question.SerializeToString())])

    async def produce(self, topic: str, key: bytes, value: bytes) -> None:
        await self._producer.produce([Record(topic, key, value)])

    def outcomes(self, of: Sequence[MessageDue]) -> list[MessageOutcome]:
        ids = {each.id for each in of}
        found = [MessageOutcome.FromString(message.value()) for message in self.outcome_topic.read()]
        return [outcome for outcome in found if outcome.id in ids]

    async def outcomes_of(self, *of: MessageDue, least: int = 0) -> list[MessageOutcome]:
        await wait_until(lambda: len(self.outcomes(of)) >= (least or len(of)), timeout_seconds=60, what="outcomes")
        return self.outcomes(of)

    def dead_letters(self, of: MessageDue) -> list[DeadLetter]:
        letters = [DeadLetter.FromString(message.value()) for message in self.dead_letter_topic.read()]
        return [letter for letter in letters if UUID(letter.id).bytes == of.id]


def all_led(bootstrap_servers: str) -> bool:
    """A fresh topic's partitions take records only once each has a leader."""
    found = AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=10).topics
    return all(partition.leader >= 0 for name in bootstrap.TOPICS for partition in found[name].partitions.values())


@pytest.fixture
async def mesh(kafka_server: Any, redis_url: str, database: Callable[..., Any], dispatcher: Any) -> AsyncIterator[Mesh]:
    topics.create(kafka_server.bootstrap_servers)
    await wait_until(lambda: all_led(kafka_server.bootstrap_servers), timeout_seconds=60, interval_seconds=0.2, what="leaders")
    producer = KafkaProducer(
        # A broker of a minute ago on a busy machine is slow to take its first records.
        KafkaSettings(kafka_bootstrap_servers=kafka_server.bootstrap_servers, kafka_acknowledgement_timeout_seconds=60)
    )
    await producer.start()
    settings = {
        "environment": Environment.TEST,
        "database_url": database("notifier").url,
        "kafka_bootstrap_servers": kafka_server.bootstrap_servers,
        "redis_url": redis_url,
        "dispatcher_service_target": dispatcher[1],
        "grpc_address": "127.0.0.1:0",
        "metrics_address": "127.0.0.1:0",
        "shutdown_grace_seconds": 40,
    }
    mesh = Mesh(settings, producer)
    yield mesh
    for topic in (mesh.outcome_topic, mesh.dead_letter_topic, mesh.poison_topic):
        topic.close()
    await producer.stop()
