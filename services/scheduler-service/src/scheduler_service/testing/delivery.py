"""A plan from emission to outcome, with memory or Postgres below; written and read past the ports."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from occasions.identity import message_id
from occasions.registry import discover
from scheduler_service.emission import EmissionUnit, Emitter
from scheduler_service.outcomes import Outcome, Result
from scheduler_service.ports import Emitted, SettlementStore, Ticks
from scheduler_service.recovery import Patience, Recoverer, RecoveryUnit
from scheduler_service.settlement import Settled, Settler
from servicekit.kafka import KafkaUnavailable

TODAY = datetime.now(UTC).date()  # noqa: TID251
DAYS_BACK = 40
GAP_DAYS = 60
MINUTE = timedelta(minutes=1)

Row = dict[str, Any]


def now() -> datetime:
    """The time at which these worlds are: the machine's, as Postgres has no other."""
    return datetime.now(UTC)  # noqa: TID251


@dataclass
class Topic:
    """Takes what is produced; `fails` times it does not, and while `hold` is not set it waits."""

    produced: list[Emitted] = field(default_factory=list)
    fails: int = 0
    hold: asyncio.Event | None = None

    async def produce(self, messages: Sequence[Emitted]) -> None:
        if self.hold:
            await self.hold.wait()
        if self.fails:
            self.fails -= 1
            raise KafkaUnavailable
        self.produced += messages


@dataclass
class StillUnread:
    """A backlog of one partition, whose oldest unread record is of a given time."""

    since: datetime | None = None

    async def unread_since(self) -> Mapping[int, datetime | None]:
        return {0: self.since}

    def partition_of(self, user_id: bytes) -> int:
        return 0


class DeliveryWorld(ABC):
    """What a suite of the delivery's ports needs beside them."""

    def __init__(self) -> None:
        self.topic = Topic()

    @property
    @abstractmethod
    def ticks(self) -> Ticks: ...

    @abstractmethod
    def emission(self, offset_seconds: float) -> EmissionUnit: ...

    @abstractmethod
    def settlements(self) -> SettlementStore: ...

    @abstractmethod
    def recovery(self) -> RecoveryUnit: ...

    @abstractmethod
    async def add_user(self, user: UUID, kind: str, year: int | None, day: date) -> None: ...

    @abstractmethod
    async def add_message(self, row: Row) -> None: ...

    @abstractmethod
    async def change(self, message: UUID, **columns: Any) -> None: ...

    @abstractmethod
    async def message(self, message: UUID) -> Row: ...

    @abstractmethod
    async def slot(self, user: UUID, kind: str = "birthday") -> tuple[int | None, UUID | None]: ...

    @abstractmethod
    async def hold(self, user: UUID, year: int, message: UUID) -> None:
        """Let a message hold the year of the user's birthday."""

    @abstractmethod
    async def readdress(self, user: UUID, email: str) -> None: ...

    @abstractmethod
    async def questions(self) -> int:
        """How many questions lie in the outbox."""

    def emitter(self, batch: int = 100, offset_seconds: float = 0) -> Emitter:
        return Emitter(self.emission(offset_seconds), self.topic, discover(), batch)

    def recoverer(self, backlog: StillUnread, patience: timedelta = MINUTE) -> Recoverer:
        async def none_missed() -> int:
            return 0

        return Recoverer(self.recovery(), self.emitter(), backlog, none_missed, Patience(patience, patience, patience), 100)

    async def settle(self, *told: Outcome) -> Settled:
        return await Settler(self.settlements()).settle(told)

    async def user(self, *, year: int | None = 1990, day: date = TODAY, kind: str = "birthday") -> UUID:
        user = uuid4()
        await self.add_user(user, kind, year, day)
        return user

    async def plan(self, user: UUID, *, day: date = TODAY, kind: str = "birthday", due: float = -5, **columns: object) -> UUID:
        """Plan a message that came due `-due` seconds ago, late in an hour and past its budget in two days."""
        message, at = message_id(user, kind, day), now() + timedelta(seconds=due)
        row: Row = {
            "id": message,
            "local_date": day,
            "user_id": user,
            "kind": kind,
            "state": "SCHEDULED",
            "due_at": at,
            "send_at": at,
            "late_until_at": now() + timedelta(hours=1),
            "expires_at": now() + timedelta(days=2),
            "timezone": "UTC",
            "tzdata_version": "2026f",
            "zone_rule": "EXACT",
        }
        await self.add_message(row | columns)
        return message

    async def emitted_one(self, **columns: Any) -> tuple[UUID, UUID]:
        user = await self.user()
        message = await self.plan(user, **columns)
        assert await self.emitter().emit() == 1
        return user, message


def sent(message: UUID, revision: int = 1) -> Outcome:
    return Outcome(message, revision, Result.SENT, attempt=1, provider="http_email", provider_message_id="m-1", sent_at=now())
