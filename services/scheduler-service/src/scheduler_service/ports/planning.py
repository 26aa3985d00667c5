"""What planning, re-planning and the queries ask of the outside."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol, TypeVar
from uuid import UUID

from scheduler_service.domain import (
    Basis,
    Change,
    DayInstant,
    KindRules,
    Message,
    MessageFilter,
    Recipient,
    Replan,
    Shift,
    Slice,
    Slot,
)

T = TypeVar("T")

#: Where a consumer goes on: the next offset by (topic, partition).
Offsets = Mapping[tuple[str, int], int]


class ReplanUnit(Protocol):
    """One transaction that takes changes of users in. Locks are taken in the order of its methods, each sorted by id."""

    async def lock_recipients(self, user_ids: Collection[UUID]) -> Mapping[UUID, Recipient]:
        """Lock and return the users that are known."""

    async def lock_slots(self, user_ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, Slot]]:
        """Lock and return the users' slots, by kind. Waits for a plan or an emission that reads them to commit."""

    async def lock_messages(self, user_ids: Collection[UUID], since: date, held: Collection[UUID]) -> Mapping[UUID, Sequence[Message]]:
        """Lock and return the users' messages of local dates from `since` on, and those that hold a slot, whatever their date."""

    async def now(self) -> datetime:
        """The database's clock, to be read after the locks: what is due then and unlocked has not been emitted."""

    async def save(self, changes: Sequence[Change], now: datetime) -> None:
        """Write recipients, slots, messages and what was done, and put the questions into the outbox. One change per user."""

    async def store_offsets(self, consumer: str, offsets: Offsets) -> None:
        """Note how far a consumer has come. An offset never goes back."""


class ReplanStore(Protocol):
    async def replan(self, work: Callable[[ReplanUnit], Awaitable[T]]) -> T:
        """Run `work` in one transaction, and again after a deadlock. Raises Unavailable; then nothing has been written, or all of it."""

    async def stored_offsets(self, consumer: str, partitions: Collection[tuple[str, int]]) -> Offsets:
        """Where the consumer goes on; partitions never stored are left out."""


class BasisUnit(Protocol):
    """One transaction in which the plan gets a new basis; other replicas wait for its end."""

    async def basis(self) -> Basis | None:
        """Lock and return the basis; None before the first plan."""

    async def withdraw_kinds(self, kinds: Collection[str]) -> int:
        """Cancel what is open of these kinds, asking about what may be on its way, and make their slots inactive.

        Returns how many messages were cancelled.
        """

    async def adopt(self, basis: Basis) -> None: ...


class PlanStore(Protocol):
    """The plan of all users. Each method is a transaction of its own."""

    async def now(self) -> datetime:
        """The database's clock."""

    async def make_partitions(self, first: date, months: int) -> int:
        """Make the partitions of so many months that do not exist, from that of `first` on; return how many.

        Safe to call from many replicas.
        """

    async def retire_partitions(self, before: date) -> int:
        """Drop the partitions of months that ended before a date, with all that is in them; return how many."""

    async def rows_in_default_partition(self) -> int:
        """Messages that no month's partition was made for."""

    async def change_basis(self, work: Callable[[BasisUnit], Awaitable[T]]) -> T: ...

    async def fill_slots(self, after: UUID | None, limit: int, make: Callable[[Recipient], Sequence[Slot]]) -> UUID | None:
        """Write the slots made from the next recipients in the order of their ids; return the last of these, None after the end."""

    async def shifts(self, kind: str, instants: Sequence[DayInstant]) -> Sequence[Shift]:
        """Which zones' messages are planned for other instants than these, though their time has not come."""

    async def move(self, kind: str, instants: Sequence[DayInstant]) -> int:
        """Give those messages these instants, each under a new revision; return how many."""

    async def slices(self, rules: KindRules, instants: Sequence[DayInstant], slots: int) -> Sequence[Slice]:
        """Cut the active slots of the instants into slices of at most `slots` each."""

    async def plan(self, rules: KindRules, batch: Sequence[Slice]) -> int:
        """Plan a message for each slot of the batch that has none for the date; return how many are to be sent. Idempotent.

        Slots are read under a share lock, so that an edit that commits meanwhile leaves one plan. A slot that holds the year is passed
        over. What is not to be sent, for it is of year nought or became known when its day was over, is told so, though not past its
        budget.
        """


class Queries(Protocol):
    async def message(self, message_id: UUID) -> Message | None: ...

    async def messages(self, wanted: MessageFilter, after: tuple[date, UUID] | None, limit: int) -> Sequence[Message]:
        """Messages by local date and id, descending, below `after`."""

    async def replans(self, user_id: UUID, after: tuple[int, int] | None, limit: int) -> Sequence[Replan]:
        """What changes of the user did, by (epoch, version), descending, below `after`."""

    async def replay(self, message_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Plan ended messages again, each under a new revision and replay; return the refusal of each that is not (see domain.replays)."""
