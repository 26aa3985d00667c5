import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date
from typing import Any, Protocol
from uuid import UUID, uuid4

import grpc.aio
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from heyday.dispatcher.v1 import dispatcher_service_pb2_grpc
from heyday.dispatcher.v1.dispatcher_service_pb2 import DispatchResponse, DispatchResult
from heyday.scheduler.v1.message_cancelled_pb2 import MessageCancelled
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service.adapters.memory import MemoryLedger
from notifier_service.adapters.postgres import PostgresDeliveryReader, PostgresLedger
from notifier_service.consumer.parsing import parse_cancelled, parse_due
from notifier_service.domain import Cancellation, Due, Terms
from notifier_service.ports import DeliveryReader, Ledger
from occasions.identity import message_id
from servicekit.postgres import create_engine
from servicekit.settings import PostgresSettings

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
