from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from occasions.identity import message_id
from scheduler_service.adapters.memory.tables import MemoryStore
from scheduler_service.domain import (
    OPEN,
    Basis,
    DayInstant,
    KindRules,
    Message,
    Question,
    Reason,
    Recipient,
    Shift,
    Slice,
    Slot,
    State,
    Transition,
    after,
)
from scheduler_service.ports import BasisUnit

T = TypeVar("T")

#: Below every user's id.
_NOBODY = UUID(int=0)


class MemoryPlanStore(MemoryStore):
    """The PlanStore port, and its unit of a new basis."""

    async def make_partitions(self, first: date, months: int) -> int:
        return 0

    async def retire_partitions(self, before: date) -> int:
        async with self.tables.transaction():
            for message in list(self.tables.messages.values()):
                if message.local_date < before.replace(day=1):
                    del self.tables.messages[message.id]
        return 0

    async def rows_in_default_partition(self) -> int:
        return 0

    async def change_basis(self, work: Callable[[BasisUnit], Awaitable[T]]) -> T:
        async with self.tables.transaction():
            return await work(self)

    async def basis(self) -> Basis | None:
        return self.tables.bases.get(None)

    async def adopt(self, basis: Basis) -> None:
        self.tables.bases[None] = basis

    async def withdraw_kinds(self, kinds: Collection[str]) -> int:
        self.tables.slots.put((key, replace(slot, active=False)) for key, slot in list(self.tables.slots.items()) if slot.kind in kinds)
        open_ones = [m for kind in kinds for m in self.tables.messages.where("kind", kind) if m.state in OPEN]
        for message in open_ones:
            self._withdraw(message)
        return len(open_ones)

    async def fill_slots(self, after: UUID | None, limit: int, make: Callable[[Recipient], Sequence[Slot]]) -> UUID | None:
        async with self.tables.transaction():
            alive = sorted(r.user_id for r in self.tables.recipients.values() if not r.deleted and not r.erased)
            page = [user_id for user_id in alive if after is None or user_id > after][:limit]
            for slot in (slot for user_id in page for slot in make(self.tables.recipients[user_id])):
                was = self.tables.slots.get((slot.user_id, slot.kind))
                self.tables.slots[slot.user_id, slot.kind] = slot.holding(was.slot_year, was.slot_message_id) if was else slot
            return page[-1] if page else None

    async def shifts(self, kind: str, instants: Sequence[DayInstant]) -> Sequence[Shift]:
        zones: dict[str, list[timedelta]] = {}
        for message, instant in self._moving(kind, instants):
            zones.setdefault(message.moments.timezone, []).append(abs(instant.moments.due_at - message.moments.due_at))
        return [Shift(zone, len(by), max(by)) for zone, by in sorted(zones.items(), key=lambda item: (-len(item[1]), item[0]))]

    async def move(self, kind: str, instants: Sequence[DayInstant]) -> int:
        async with self.tables.transaction():
            moving = self._moving(kind, instants)
            for message, instant in moving:
                due_at = instant.moments.due_at
                send_at = max(due_at, message.send_at) if message.attempts else due_at
                self.tables.change(message, self.clock(), moments=instant.moments, send_at=send_at, revision=message.revision + 1)
            return len(moving)

    async def slices(self, rules: KindRules, instants: Sequence[DayInstant], slots: int) -> Sequence[Slice]:
        found = []
        for instant in instants:
            if not (slots_on := self._slots_on(rules, instant)):
                continue
            users, above = sorted(slot.user_id for slot in slots_on), _NOBODY
            for start in range(0, len(users), slots):
                piece = users[start : start + slots]
                found.append(Slice(instant, above, piece[-1], len(piece)))
                above = piece[-1]
        return found

    async def plan(self, rules: KindRules, batch: Sequence[Slice]) -> int:
        async with self.tables.transaction():
            pieces = [(piece.instant, slot) for piece in batch for slot in self._slots_on(rules, piece.instant) if _is_in(slot, piece)]
            return sum(self._plan(slot, rules, instant) for instant, slot in pieces)

    def _slots_on(self, rules: KindRules, instant: DayInstant) -> list[Slot]:
        place = rules.occasion.name, instant.moments.timezone, instant.month, instant.day
        return [slot for slot in self.tables.slots.where("place", place) if slot.active]

    def _plan(self, slot: Slot, rules: KindRules, instant: DayInstant) -> bool:
        moments, day = instant.moments, instant.local_date
        identity = message_id(slot.user_id, slot.kind, day)
        assert slot.known_at is not None
        otherwise_ruled = bool(instant.leap_day_rule) and slot.leap_day_rule != instant.leap_day_rule
        too_young = slot.year is not None and slot.year + rules.occasion.first_after_years > day.year
        year_zero = too_young and slot.year == day.year
        if otherwise_ruled or (too_young and not year_zero) or identity in self.tables.messages or slot.holder_barring(day, identity):
            return False
        in_time = slot.known_at <= moments.due_at or (rules.sends_at_once and slot.known_at < moments.late_until_at)
        reason = Reason.YEAR_ZERO if year_zero else "" if in_time else Reason.KNOWN_TOO_LATE
        if reason and moments.expires_at <= self.clock():
            return False
        state = State.SUPPRESSED if reason else State.SCHEDULED
        planned = Message(identity, slot.user_id, slot.kind, day, state, 1, moments, moments.due_at, reason=reason, created_at=self.clock())
        self.tables.change(planned, self.clock())
        return not reason

    def _moving(self, kind: str, instants: Sequence[DayInstant]) -> list[tuple[Message, DayInstant]]:
        ahead = [m for m in self.tables.messages.where("state", State.SCHEDULED) if m.kind == kind and m.send_at > self.clock()]
        by_place = {(i.moments.timezone, i.local_date): i for i in instants if ahead}
        pairs = [(m, by_place[place]) for m in ahead if (place := (m.moments.timezone, m.local_date)) in by_place]
        return [(message, instant) for message, instant in pairs if not message.moments.same_instants(instant.moments)]

    def _withdraw(self, message: Message) -> None:
        asks = message.time_has_come(self.clock())
        transition = Transition.DOUBTED if message.unsure and not asks else Transition.CANCELLED
        asked = message.revision if asks else message.asked_revision
        state = after(transition, message.state)
        revision, now = message.revision + 1, self.clock()
        self.tables.change(message, now, state=state, revision=revision, asked_revision=asked, reason=Reason.KIND_REMOVED)
        if asks:
            self.tables.ask([Question(message.id, message.user_id, message.revision)], now)
        elif state is State.CANCELLED and not asked:
            self.tables.free_slot(message)


def _is_in(slot: Slot, piece: Slice) -> bool:
    return piece.above < slot.user_id <= piece.upto
