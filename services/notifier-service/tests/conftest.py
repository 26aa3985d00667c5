import time
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from heyday.scheduler.v1.message_cancelled_pb2 import MessageCancelled
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service.consumer.parsing import parse_cancelled, parse_due
from notifier_service.domain import Cancellation, Due
from occasions.identity import message_id

SECOND = 1_000_000
HOUR = 3600 * SECOND


@pytest.fixture
def now_us() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def users() -> Iterator[UUID]:
    return (UUID(int=(7 << 76) | (2 << 62) | number) for number in count(1))


@pytest.fixture
def due_record(now_us: int, users: Iterator[UUID]) -> Callable[..., MessageDue]:
    """Makes a record that may be sent now and for an hour, of a user of its own unless one is given; times are in seconds from now."""

    def make(
        user: UUID | None = None, local_date: date = date(2026, 11, 25), not_before: float = -60, not_after: float = 3600, **fields: Any
    ) -> MessageDue:
        user = user or next(users)
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
