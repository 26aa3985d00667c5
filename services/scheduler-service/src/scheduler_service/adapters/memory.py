"""The plan in memory: a fake that passes the suite of the Postgres adapters."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from occasions.identity import message_id
from scheduler_service.domain import (
    OPEN,
    Basis,
    Change,
    DayInstant,
    KindRules,
    Message,
    MessageFilter,
    Question,
    Reason,
    Recipient,
    Replan,
    Shift,
    Slice,
    Slot,
    State,
    Transition,
    after,
)
from scheduler_service.domain.replays import refusal
from scheduler_service.ports import BasisUnit, Offsets, ReplanUnit

T = TypeVar("T")


@dataclass(slots=True)
class Tables:
    """What a database would hold."""

    recipients: dict[UUID, Recipient] = field(default_factory=dict)
    slots: dict[tuple[UUID, str], Slot] = field(default_factory=dict)
    messages: dict[UUID, Message] = field(default_factory=dict)
    replans: list[Replan] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    offsets: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    basis: Basis | None = None


class MemoryStore:
    """Transactions over tables: what raises leaves no trace. One at a time, so nothing has to be locked."""

    def __init__(self, clock: Callable[[], datetime], tables: Tables | None = None) -> None:
        self.tables = tables or Tables()
        self.clock = clock

    async def now(self) -> datetime:
        return self.clock()

    async def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        before = deepcopy(self.tables)
        try:
            return await work()
        except BaseException:
            for table in fields(Tables):
                setattr(self.tables, table.name, getattr(before, table.name))
            raise


class MemoryReplanStore(MemoryStore):
    """The ReplanStore port, and its unit."""

    async def replan(self, work: Callable[[ReplanUnit], Awaitable[T]]) -> T:
        return await self._run(lambda: work(self))

    async def stored_offsets(self, consumer: str, partitions: Collection[tuple[str, int]]) -> Offsets:
        stored = self.tables.offsets.get(consumer, {})
        return {place: stored[place] for place in partitions if place in stored}

    async def lock_recipients(self, user_ids: Collection[UUID]) -> Mapping[UUID, Recipient]:
        return {user_id: self.tables.recipients[user_id] for user_id in user_ids if user_id in self.tables.recipients}

    async def lock_slots(self, user_ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, Slot]]:
        found: dict[UUID, dict[str, Slot]] = {}
        for (user_id, kind), slot in self.tables.slots.items():
            if user_id in user_ids:
                found.setdefault(user_id, {})[kind] = slot
        return found

    async def lock_messages(self, user_ids: Collection[UUID], since: date, held: Collection[UUID]) -> Mapping[UUID, Sequence[Message]]:
        found: dict[UUID, list[Message]] = {}
        for message in sorted(self.tables.messages.values(), key=lambda message: message.id):
            if message.id in held or (message.user_id in user_ids and message.local_date >= since):
                found.setdefault(message.user_id, []).append(message)
        return found

    async def save(self, changes: Sequence[Change], now: datetime) -> None:
        for change in changes:
            self.tables.recipients[change.recipient.user_id] = change.recipient
            self.tables.slots |= {(slot.user_id, slot.kind): slot for slot in change.slots}
            created = {message.id: replace(message, created_at=now, updated_at=now) for message in change.planned}
            self.tables.messages = created | self.tables.messages
            self.tables.messages |= {message.id: replace(message, updated_at=now) for message in change.changed}
            self.tables.questions += change.questions
            self.tables.replans.append(change.replan(now))

    async def store_offsets(self, consumer: str, offsets: Offsets) -> None:
        stored = self.tables.offsets.setdefault(consumer, {})
        for place, offset in offsets.items():
            stored[place] = max(offset, stored.get(place, 0))


class MemoryPlanStore(MemoryStore):
    """The PlanStore port, and its unit of a new basis."""

    async def make_partitions(self, first: date, months: int) -> int:
        return 0

    async def retire_partitions(self, before: date) -> int:
        over = [message.id for message in self.tables.messages.values() if message.local_date < before.replace(day=1)]
        for gone in over:
            del self.tables.messages[gone]
        return 0

    async def rows_in_default_partition(self) -> int:
        return 0

    async def change_basis(self, work: Callable[[BasisUnit], Awaitable[T]]) -> T:
        return await self._run(lambda: work(self))

    async def basis(self) -> Basis | None:
        return self.tables.basis

    async def adopt(self, basis: Basis) -> None:
        self.tables.basis = basis

    async def withdraw_kinds(self, kinds: Collection[str]) -> int:
        for key, slot in self.tables.slots.items():
            if slot.kind in kinds:
                self.tables.slots[key] = replace(slot, active=False)
        open_ones = [message for message in self.tables.messages.values() if message.kind in kinds and message.state in OPEN]
        for message in open_ones:
            self._withdraw(message)
        return len(open_ones)

    async def fill_slots(self, after_user: UUID | None, limit: int, make: Callable[[Recipient], Sequence[Slot]]) -> UUID | None:
        alive = sorted(r.user_id for r in self.tables.recipients.values() if not r.deleted and not r.erased)
        page = [user_id for user_id in alive if after_user is None or user_id > after_user][:limit]
        for user_id in page:
            for slot in make(self.tables.recipients[user_id]):
                was = self.tables.slots.get((user_id, slot.kind))
                self.tables.slots[user_id, slot.kind] = slot.holding(was.slot_year, was.slot_message_id) if was else slot
        return page[-1] if page else None

    async def shifts(self, kind: str, instants: Sequence[DayInstant]) -> Sequence[Shift]:
        zones: dict[str, list[timedelta]] = {}
        for message, instant in self._moving(kind, instants):
            zones.setdefault(message.moments.timezone, []).append(abs(instant.moments.due_at - message.moments.due_at))
        return [Shift(zone, len(by), max(by)) for zone, by in sorted(zones.items(), key=lambda item: (-len(item[1]), item[0]))]

    async def move(self, kind: str, instants: Sequence[DayInstant]) -> int:
        moving = self._moving(kind, instants)
        for message, instant in moving:
            due_at = instant.moments.due_at
            send_at = max(due_at, message.send_at) if message.attempts else due_at
            moved = replace(message, moments=instant.moments, send_at=send_at, revision=message.revision + 1)
            self.tables.messages[message.id] = moved
        return len(moving)

    async def slices(self, rules: KindRules, instants: Sequence[DayInstant], slots: int) -> Sequence[Slice]:
        found = []
        for instant in instants:
            users = sorted(slot.user_id for slot in self.tables.slots.values() if _is_on(slot, rules, instant))
            above = UUID(int=0)
            for start in range(0, len(users), slots):
                piece = users[start : start + slots]
                found.append(Slice(instant, above, piece[-1], len(piece)))
                above = piece[-1]
        return found

    async def plan(self, rules: KindRules, batch: Sequence[Slice]) -> int:
        planned = 0
        for piece in batch:
            for slot in list(self.tables.slots.values()):
                if _is_on(slot, rules, piece.instant) and piece.above < slot.user_id <= piece.upto:
                    planned += self._plan(slot, rules, piece.instant)
        return planned

    def _plan(self, slot: Slot, rules: KindRules, instant: DayInstant) -> bool:
        moments, day = instant.moments, instant.local_date
        identity = message_id(slot.user_id, slot.kind, day)
        assert slot.known_at is not None
        unowed = slot.known_at > moments.due_at and slot.known_at >= moments.late_until_at
        otherwise_ruled = bool(instant.leap_day_rule) and slot.leap_day_rule != instant.leap_day_rule
        too_young = slot.year is not None and slot.year + rules.occasion.first_after_years > day.year
        if unowed or otherwise_ruled or too_young or identity in self.tables.messages or slot.holder_barring(day, identity):
            return False
        in_time = slot.known_at <= moments.due_at or rules.sends_at_once
        state, reason = (State.SCHEDULED, "") if in_time else (State.SUPPRESSED, Reason.KNOWN_TOO_LATE)
        self.tables.messages[identity] = Message(
            identity, slot.user_id, slot.kind, day, state, 1, moments, moments.due_at, reason=reason, created_at=self.clock()
        )
        return True

    def _moving(self, kind: str, instants: Sequence[DayInstant]) -> list[tuple[Message, DayInstant]]:
        by_place = {(instant.moments.timezone, instant.local_date): instant for instant in instants}
        waiting = [m for m in self.tables.messages.values() if m.kind == kind and m.state is State.SCHEDULED and m.send_at > self.clock()]
        pairs = [(m, by_place[place]) for m in waiting if (place := (m.moments.timezone, m.local_date)) in by_place]
        return [(message, instant) for message, instant in pairs if not message.moments.same_instants(instant.moments)]

    def _withdraw(self, message: Message) -> None:
        asks = message.time_has_come(self.clock())
        transition = Transition.DOUBTED if message.unsure and not asks else Transition.CANCELLED
        asked = message.revision if asks else message.asked_revision
        state = after(transition, message.state)
        withdrawn = replace(message, state=state, revision=message.revision + 1, asked_revision=asked, reason=Reason.KIND_REMOVED)
        self.tables.messages[message.id] = withdrawn
        if asks:
            self.tables.questions.append(Question(message.id, message.user_id, message.revision))
        elif state is State.CANCELLED and not asked:
            key = message.user_id, message.kind
            self.tables.slots[key] = self.tables.slots[key].freed_by(message.id)


class MemoryQueries(MemoryStore):
    """The Queries port."""

    async def message(self, message_id: UUID) -> Message | None:
        return self.tables.messages.get(message_id)

    async def messages(self, wanted: MessageFilter, after: tuple[date, UUID] | None, limit: int) -> Sequence[Message]:
        found = [message for message in self.tables.messages.values() if _matches(message, wanted)]
        found.sort(key=lambda message: (message.local_date, message.id), reverse=True)
        return [message for message in found if after is None or (message.local_date, message.id) < after][:limit]

    async def replans(self, user_id: UUID, after: tuple[int, int] | None, limit: int) -> Sequence[Replan]:
        found = [replan for replan in self.tables.replans if replan.user_id == user_id]
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


def _is_on(slot: Slot, rules: KindRules, instant: DayInstant) -> bool:
    place = (slot.kind, slot.month, slot.day, slot.zone)
    return slot.active and place == (rules.occasion.name, instant.month, instant.day, instant.moments.timezone)


def _matches(message: Message, wanted: MessageFilter) -> bool:
    asked = (wanted.user_id, wanted.state, wanted.local_date, wanted.kind)
    has = (message.user_id, message.state, message.local_date, message.kind)
    return all(value is None or value == own for value, own in zip(asked, has, strict=True))
