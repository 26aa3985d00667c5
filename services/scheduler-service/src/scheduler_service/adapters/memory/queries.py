from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from scheduler_service.adapters.memory.tables import MemoryStore
from scheduler_service.domain import Message, MessageFilter, Reason, Replan, State
from scheduler_service.domain.replays import refusal


class MemoryQueries(MemoryStore):
    """The Queries port."""

    async def message(self, message_id: UUID) -> Message | None:
        return self.tables.messages.get(message_id)

    async def messages(self, wanted: MessageFilter, after: tuple[date, UUID] | None, limit: int) -> Sequence[Message]:
        found = [message for message in self.tables.messages.values() if _matches(message, wanted)]
        found.sort(key=lambda message: (message.local_date, message.id), reverse=True)
        return [message for message in found if after is None or (message.local_date, message.id) < after][:limit]

    async def replans(self, user_id: UUID, after: tuple[int, int] | None, limit: int) -> Sequence[Replan]:
        found = self.tables.replans.where("user", user_id)
        found.sort(key=lambda replan: (replan.epoch, replan.version), reverse=True)
        return [replan for replan in found if after is None or (replan.epoch, replan.version) < after][:limit]

    async def replay(self, message_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        refusals = {message_id: self._replay(message_id) for message_id in message_ids}
        return {message_id: why for message_id, why in refusals.items() if why}

    def _replay(self, message_id: UUID) -> str:
        message = self.tables.messages.get(message_id)
        if message is None:
            return "there is no such message"
        slot, now = self.tables.slots[message.user_id, message.kind], self.clock()
        free = slot.slot_message_id in (None, message.id) or (slot.slot_year or 0) < message.local_date.year
        why = refusal(message.state, message.moments.expires_at, active=slot.active, year_free=free, now=now)
        if not why:
            again = replace(message, state=State.SCHEDULED, revision=message.revision + 1, replay=message.replay + 1, attempts=0)
            self.tables.messages[message_id] = replace(again, send_at=max(message.moments.due_at, now), reason=Reason.REPLAYED)
        return why


def _matches(message: Message, wanted: MessageFilter) -> bool:
    asked = (wanted.user_id, wanted.state, wanted.local_date, wanted.kind)
    has = (message.user_id, message.state, message.local_date, message.kind)
    return all(value is None or value == own for value, own in zip(asked, has, strict=True))
