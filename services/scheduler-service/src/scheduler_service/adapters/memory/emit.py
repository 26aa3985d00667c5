from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from scheduler_service.adapters.memory.tables import MemoryStore, Tables
from scheduler_service.domain import WAITING, Message, Slot, State, Transition, after
from scheduler_service.ports import Addressee, Claimed, DueMessage, Queued


@asynccontextmanager
async def emission(clock: Callable[[], datetime], tables: Tables, days_back: int) -> AsyncIterator["MemoryEmission"]:
    """The Emission port in a new transaction."""
    async with tables.transaction():
        yield MemoryEmission(clock, tables, days_back)


class MemoryEmission(MemoryStore):
    """The Emission port within a transaction. `days_back` bounds how long before today a message's local date may lie."""

    def __init__(self, clock: Callable[[], datetime], tables: Tables, days_back: int) -> None:
        super().__init__(clock, tables)
        self._days_back = days_back

    async def claim_due(self, limit: int) -> Claimed:
        now = self.clock()
        asked = {(message.user_id, message.kind) for message in self.tables.messages.where("asked", True)}
        due = [m for m in waiting(self.tables) if m.send_at <= now < m.moments.expires_at and self._is_near(m, now)]
        free = [m for m in due if (m.user_id, m.kind) not in asked and _lets_through(self._slot(m), m)]
        return self._claimed(sorted(free, key=lambda message: message.send_at)[:limit])

    async def addressees(self, user_ids: Sequence[bytes]) -> Mapping[bytes, Addressee]:
        known = [self.tables.recipients[UUID(bytes=user_id)] for user_id in user_ids]
        return {user.user_id.bytes: Addressee(user.email, user.first_name, user.last_name, user.locale) for user in known}

    async def mark_queued(self, messages: Sequence[tuple[DueMessage, str]]) -> None:
        now = self.clock()
        for due, variant in messages:
            message = self.tables.messages[UUID(bytes=due.id)]
            self.tables.change(message, now, state=after(Transition.EMITTED, message.state), variant=variant)
            self.tables.queued_at[message.id] = now
            slot = self._slot(message)
            self.tables.slots[slot.user_id, slot.kind] = slot.holding(message.local_date.year, message.id)

    async def next_due(self, after: int) -> int | None:
        ahead = (at for message in waiting(self.tables) if (at := microseconds(message.send_at)) > after)
        return min(ahead, default=None)

    async def queued(self, age: timedelta, after: Queued | None, limit: int) -> list[Queued]:
        times = ((self.tables.queued_at[m.id], m) for m in self.tables.messages.where("state", State.QUEUED))
        old = [Queued(microseconds(at), m.id.bytes, m.user_id.bytes) for at, m in times if at < self.clock() - age]
        return sorted(queued for queued in old if after is None or queued > after)[:limit]

    async def claim_again(self, message_ids: Sequence[bytes]) -> Claimed:
        known = (self.tables.messages.get(UUID(bytes=message_id)) for message_id in message_ids)
        return self._claimed(message for message in known if message and message.state is State.QUEUED)

    async def mark_again(self, message_ids: Sequence[bytes]) -> None:
        self.tables.queued_at.put((UUID(bytes=message_id), self.clock()) for message_id in message_ids)

    def _is_near(self, message: Message, now: datetime) -> bool:
        return -2 <= (now.date() - message.local_date).days <= self._days_back

    def _slot(self, message: Message) -> Slot:
        return self.tables.slots[message.user_id, message.kind]

    def _claimed(self, messages: Iterable[Message]) -> Claimed:
        return Claimed(microseconds(self.clock()), [_due(message, self._slot(message)) for message in messages])


def waiting(tables: Tables) -> list[Message]:
    return [message for state in sorted(WAITING) for message in tables.messages.where("state", state)]


def microseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _lets_through(slot: Slot, message: Message) -> bool:
    return slot.slot_year is None or slot.slot_message_id == message.id or slot.slot_year < message.local_date.year


def _due(message: Message, slot: Slot) -> DueMessage:
    assert slot.month is not None
    assert slot.day is not None
    return DueMessage(
        id=message.id.bytes,
        user_id=message.user_id.bytes,
        kind=message.kind,
        revision=message.revision,
        due_at=microseconds(message.moments.due_at),
        late_until_at=microseconds(message.moments.late_until_at),
        expires_at=microseconds(message.moments.expires_at),
        variant=message.variant,
        unsure=message.unsure,
        replay=message.replay,
        timezone=message.moments.timezone,
        year=slot.year,
        month=slot.month,
        day=slot.day,
    )
