from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from scheduler_service.adapters.memory.emit import microseconds, waiting
from scheduler_service.adapters.memory.tables import MemoryStore, Tables
from scheduler_service.domain import Message, Reason, State, Transition, after
from scheduler_service.outcomes import Outcome, Settlement, Slot, Standing
from scheduler_service.ports import Confirmed, OpenMessage, SettlementPlan

T = TypeVar("T")


class MemorySettlements(MemoryStore):
    """The SettlementStore port, and its unit. `greeting_gap_days`: no two greetings of a kind within so many days."""

    def __init__(self, clock: Callable[[], datetime], tables: Tables, greeting_gap_days: int) -> None:
        super().__init__(clock, tables)
        self._gap = greeting_gap_days

    async def settle(self, work: Callable[[SettlementPlan], Awaitable[T]]) -> T:
        async with self.tables.transaction():
            return await work(self)

    async def confirm_sent(self, outcomes: Sequence[Outcome]) -> list[Confirmed]:
        return [confirmed for outcome in outcomes if (confirmed := self._confirm(outcome))]

    async def lock(self, message_ids: Sequence[UUID]) -> list[OpenMessage]:
        found = (self.tables.messages.get(message_id) for message_id in sorted(message_ids))
        return [_open_message(message, self.clock()) for message in found if message]

    async def write(self, settled: Sequence[tuple[OpenMessage, Outcome, Settlement]]) -> None:
        for locked, outcome, settlement in settled:
            self._write(self.tables.messages[locked.id], outcome, settlement.standing)
            self._settle_slot(self.tables.messages[locked.id], settlement.slot)
        for locked, _, settlement in settled:
            if settlement.transition is Transition.SENT:
                self._suppress_others(self.tables.messages[locked.id])

    def _confirm(self, outcome: Outcome) -> Confirmed | None:
        message = self.tables.messages.get(outcome.message_id)
        if message is None or (message.state, message.revision, message.asked_revision) != (State.QUEUED, outcome.revision, 0):
            return None
        assert outcome.sent_at is not None
        self.tables.change(
            message,
            self.clock(),
            state=State.SENT,
            attempts=outcome.attempt,
            provider=outcome.provider,
            provider_message_id=outcome.provider_message_id,
            sent_at=outcome.sent_at,
            unsure=message.unsure or outcome.unsure,
            reason="",
        )
        return Confirmed(message.id.bytes, message.kind, microseconds(message.moments.due_at), microseconds(outcome.sent_at))

    def _write(self, message: Message, outcome: Outcome, stands: Standing) -> None:
        first_sent = outcome.sent_at is not None and message.sent_at is None
        self.tables.change(
            message,
            self.clock(),
            state=stands.state,
            revision=stands.revision,
            send_at=stands.send_at,
            attempts=stands.attempts,
            unsure=stands.unsure,
            asked_revision=stands.asked_revision,
            reason=stands.reason,
            provider=outcome.provider if first_sent else message.provider,
            provider_message_id=outcome.provider_message_id if first_sent else message.provider_message_id,
            sent_at=message.sent_at or outcome.sent_at,
            moments=message.moments_of(outcome.revision) if first_sent else message.moments,
        )

    def _settle_slot(self, message: Message, what: Slot) -> None:
        key = message.user_id, message.kind
        slot = self.tables.slots[key]
        if what is Slot.FREE:
            self.tables.slots[key] = slot.freed_by(message.id)
        elif what is Slot.TAKE and (slot.slot_year is None or slot.slot_year <= message.local_date.year):
            self.tables.slots[key] = slot.holding(message.local_date.year, message.id)

    def _suppress_others(self, sent: Message) -> None:
        for other in waiting(self.tables):
            same = (other.user_id, other.kind) == (sent.user_id, sent.kind) and other.id != sent.id
            days = abs((other.local_date - sent.local_date).days)
            if same and (other.local_date.year == sent.local_date.year or days < self._gap):
                state = after(Transition.SUPPRESSED, other.state)
                self.tables.change(other, self.clock(), state=state, revision=other.revision + 1, reason=Reason.ALREADY_GREETED)


def _open_message(message: Message, now: datetime) -> OpenMessage:
    standing = Standing(
        message.state,
        message.revision,
        message.send_at,
        message.moments.expires_at,
        message.attempts,
        message.unsure,
        message.asked_revision,
        message.reason,
    )
    return OpenMessage(message.id, message.user_id, message.kind, message.moments.due_at, standing, now)
