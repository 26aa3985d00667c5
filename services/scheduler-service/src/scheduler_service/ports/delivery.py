"""What emitting, settling and recovering ask of the outside."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from scheduler_service.outcomes import Outcome, Settlement, Standing

T = TypeVar("T")


def local_date(message_id: bytes) -> date:
    """The date that a message's id begins with, for ids that come from our own tables."""
    return date.fromisoformat(message_id[:4].hex())


class DueMessage(NamedTuple):
    """A claimed message, as the hot path carries it: ids as 16 bytes, instants as Unix microseconds."""

    id: bytes
    user_id: bytes
    kind: str
    revision: int
    due_at: int
    late_until_at: int
    expires_at: int
    variant: str
    unsure: bool
    replay: int
    timezone: str
    #: The date of the occasion as the user's, for the inputs of the text; the year is None where it is unknown.
    year: int | None
    month: int
    day: int

    @property
    def local_date(self) -> date:
        return local_date(self.id)


class Claimed(NamedTuple):
    """Messages under lock, and the database's clock at the claim."""

    now: int
    messages: list[DueMessage]


class Addressee(NamedTuple):
    """Who a message goes to."""

    email: str
    first_name: str
    last_name: str
    locale: str


@dataclass(frozen=True, slots=True)
class Emitted:
    """A message with all that sending it needs; instants as Unix microseconds."""

    message: DueMessage
    addressee: Addressee
    variant: str
    not_after: int
    years: int
    recovered: bool = False


class Emission(Protocol):
    """One transaction of *emit* or of its repetition by *recover*."""

    async def claim_due(self, limit: int) -> Claimed:
        """Lock and return at most `limit` waiting messages whose send_at has passed by the database's clock, oldest first, and their slots.

        Rows that an edit or another replica holds are skipped, not waited for. A message is passed over while its year is held by another,
        while any message of the same user and kind has an open question (rules slot, open-holds), and once its expiry has passed.
        """

    async def addressees(self, user_ids: Sequence[bytes]) -> Mapping[bytes, Addressee]:
        """The recipients as committed now: after the claim no edit of them can commit before this transaction ends."""

    async def mark_queued(self, messages: Sequence[tuple[DueMessage, str]]) -> None:
        """Mark claimed messages QUEUED with the variant that was produced, and let each hold its year (rules mark-last, slot)."""

    async def next_due(self, after: int) -> int | None:
        """The earliest send_at of a waiting message after an instant (Unix microseconds); None when nothing waits."""

    async def queued(self, age: timedelta, after: "Queued | None", limit: int) -> list["Queued"]:
        """At most `limit` messages QUEUED longer than `age`, oldest first, beginning after one seen already. Locks nothing."""

    async def claim_again(self, message_ids: Sequence[bytes]) -> Claimed:
        """Lock and return those that are still QUEUED, with the variant they were queued with. Rows that others hold are skipped."""

    async def mark_again(self, message_ids: Sequence[bytes]) -> None:
        """Note that claimed QUEUED messages were produced again, under the same revision."""


class Queued(NamedTuple):
    """A message that waits for its outcome; the instant as Unix microseconds."""

    queued_at: int
    id: bytes
    user_id: bytes


class DueTopic(Protocol):
    async def produce(self, messages: Sequence[Emitted]) -> None:
        """Return when every record is acknowledged. Raises KafkaUnavailable, though some may be stored: producing again is harmless."""


class Confirmed(NamedTuple):
    """A message that became SENT by the short way; instants as Unix microseconds."""

    id: bytes
    kind: str
    due_at: int
    sent_at: int


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """A message under lock, with its slot, and the database's clock."""

    id: UUID
    user_id: UUID
    kind: str
    due_at: datetime
    standing: Standing
    now: datetime


class SettlementPlan(Protocol):
    """One transaction in which outcomes are settled."""

    async def confirm_sent(self, outcomes: Sequence[Outcome]) -> list[Confirmed]:
        """Mark as SENT those that are QUEUED under the outcome's revision with no open question; return these. One outcome per id.

        In a transaction of its own: it locks messages without their slots.
        """

    async def lock(self, message_ids: Sequence[UUID]) -> list[OpenMessage]:
        """Lock slots, then messages, each sorted, and return the messages. Unknown ids are left out. Not empty."""

    async def write(self, settled: Sequence[tuple[OpenMessage, Outcome, Settlement]]) -> None:
        """Write where locked messages stand now, take or free their slots, and after SENT suppress the year's other waiting messages."""


class SettlementStore(Protocol):
    async def settle(self, work: Callable[[SettlementPlan], Awaitable[T]]) -> T:
        """Run `work` in one transaction, and again after a deadlock. Raises Unavailable."""


class Recovery(Protocol):
    """One transaction of *recover*."""

    async def expire(self, limit: int) -> int:
        """End waiting messages whose expiry has passed and ask the ledger about them (rule ask-if-due); return how many."""

    async def ask_again(self, asked_before: timedelta, limit: int) -> int:
        """Repeat open questions older than an age, by the outbox; return how many."""

    async def overdue(self, by: timedelta) -> int:
        """Count waiting messages whose send_at passed longer ago than this."""


class Backlog(Protocol):
    async def unread_since(self) -> Mapping[int, datetime | None]:
        """For each partition of the due topic the time of the oldest record its consumers have not committed; None where all are committed.

        What was queued before that and has no outcome is lost, for its record is gone or done. Raises KafkaUnavailable.
        """

    def partition_of(self, user_id: bytes) -> int:
        """The partition a user's records go to."""
