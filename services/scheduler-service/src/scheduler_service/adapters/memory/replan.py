from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from scheduler_service.adapters.memory.tables import MemoryStore
from scheduler_service.domain import Change, Message, Recipient, Replan, Slot
from scheduler_service.ports import Offsets, ReplanUnit

T = TypeVar("T")


class MemoryReplanStore(MemoryStore):
    """The ReplanStore port, and its unit."""

    async def replan(self, work: Callable[[ReplanUnit], Awaitable[T]]) -> T:
        async with self.tables.transaction():
            return await work(self)

    async def stored_offsets(self, consumer: str, partitions: Collection[tuple[str, int]]) -> Offsets:
        stored = self.tables.offsets
        return {place: stored[consumer, *place] for place in partitions if (consumer, *place) in stored}

    async def lock_recipients(self, user_ids: Collection[UUID]) -> Mapping[UUID, Recipient]:
        return {user_id: self.tables.recipients[user_id] for user_id in user_ids if user_id in self.tables.recipients}

    async def lock_slots(self, user_ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, Slot]]:
        found = {user_id: {slot.kind: slot for slot in self.tables.slots.where("user", user_id)} for user_id in user_ids}
        return {user_id: slots for user_id, slots in found.items() if slots}

    async def lock_messages(self, user_ids: Collection[UUID], since: date, held: Collection[UUID]) -> Mapping[UUID, Sequence[Message]]:
        recent = [m for user_id in user_ids for m in self.tables.messages.where("user", user_id) if m.local_date >= since]
        older = [m for identity in held if (m := self.tables.messages.get(identity)) and m.local_date < since]
        found: dict[UUID, list[Message]] = {}
        for message in sorted(recent + older, key=lambda message: message.id):
            found.setdefault(message.user_id, []).append(message)
        return found

    async def save(self, changes: Sequence[Change], now: datetime) -> None:
        for change in changes:
            self.tables.recipients[change.recipient.user_id] = change.recipient
            self.tables.slots.put(((slot.user_id, slot.kind), slot) for slot in change.slots)
            for message in change.planned:
                if message.id not in self.tables.messages:
                    self.tables.change(replace(message, created_at=now), now)
            for message in change.changed:
                self.tables.change(message, now)
            self.tables.ask(change.questions, now)
            self._note(change.replan(now))

    async def store_offsets(self, consumer: str, offsets: Offsets) -> None:
        for place, offset in offsets.items():
            self.tables.offsets[consumer, *place] = max(offset, self.tables.offsets.get((consumer, *place), 0))

    def _note(self, replan: Replan) -> None:
        key = replan.user_id, replan.epoch, replan.version
        if key not in self.tables.replans:
            self.tables.replans[key] = replan
