"""What a database would hold, with transactions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from scheduler_service.domain import Basis, JobRun, Message, Question, Recipient, Replan, Slot

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Undo = Callable[[], None]


class Table(dict[K, V]):
    """Rows by key, and the keys by whatever an index makes of a row. Every write is noted, so that it can be undone."""

    def __init__(self, journal: list[Undo], **indexes: Callable[[V], Hashable]) -> None:
        super().__init__()
        self._journal = journal
        self._indexes = indexes
        # The keys of an entry are a dict, for their order: a set's would differ from run to run.
        self._entries: dict[tuple[str, Hashable], dict[K, None]] = {}
        #: Told of each row that is written, and of what stood there before; of what is undone, too.
        self.watch: Callable[[V | None, V], None] | None = None

    def __setitem__(self, key: K, row: V) -> None:
        self._journal.append(self._put(key, row))

    def __delitem__(self, key: K) -> None:
        self._journal.append(self._put(key, None))

    def put(self, rows: Iterable[tuple[K, V]]) -> None:
        for key, row in rows:
            self[key] = row

    def where(self, index: str, value: Hashable) -> list[V]:
        entry = self._entries.get((index, value))
        return [self[key] for key in entry] if entry else []

    def _put(self, key: K, row: V | None) -> Undo:
        before = self.get(key)
        if before is not None:
            self._leave(key, before)
        if row is None:
            self.pop(key, None)
        else:
            super().__setitem__(key, row)
            self._enter(key, row)
            if self.watch:
                self.watch(before, row)
        return lambda: (self._put(key, before), None)[1]

    def _enter(self, key: K, row: V) -> None:
        for name, value_of in self._indexes.items():
            self._entries.setdefault((name, value_of(row)), {})[key] = None

    def _leave(self, key: K, row: V) -> None:
        for name, value_of in self._indexes.items():
            del self._entries[name, value_of(row)][key]


@dataclass(frozen=True, slots=True)
class Tick:
    """One run of a job, and who has it until when."""

    job: str
    holder: str
    lease_until_at: datetime
    run: JobRun


class Tables:
    """All tables, and one transaction at a time: nothing has to be locked, and what raises leaves no trace."""

    def __init__(self) -> None:
        self._journal: list[Undo] = []
        self._turn = asyncio.Lock()
        self._questions = 0
        self.recipients: Table[UUID, Recipient] = Table(self._journal)
        self.slots: Table[tuple[UUID, str], Slot] = Table(self._journal, user=lambda slot: slot.user_id, place=place_of)
        self.messages: Table[UUID, Message] = Table(
            self._journal,
            user=lambda message: message.user_id,
            kind=lambda message: message.kind,
            state=lambda message: message.state,
            asked=lambda message: message.asked_revision > 0,
        )
        #: When a message was queued last, and asked about last.
        self.queued_at: Table[UUID, datetime] = Table(self._journal)
        self.asked_at: Table[UUID, datetime] = Table(self._journal)
        self.replans: Table[tuple[UUID, int, int], Replan] = Table(self._journal, user=lambda replan: replan.user_id)
        #: The outbox: by number, in the order of asking.
        self.questions: Table[int, Question] = Table(self._journal)
        self.offsets: Table[tuple[str, str, int], int] = Table(self._journal)
        self.bases: Table[None, Basis] = Table(self._journal)
        self.ticks: Table[tuple[str, datetime], Tick] = Table(self._journal, job=lambda tick: tick.job)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self._turn:
            self._journal.clear()
            try:
                yield
            except BaseException:
                for undo in reversed(self._journal.copy()):
                    undo()
                raise

    def ask(self, questions: Iterable[Question], now: datetime) -> None:
        """Put questions into the outbox, and note when they were asked."""
        for question in questions:
            self._questions += 1
            self.questions[self._questions] = question
            self.asked_at[question.message_id] = now

    def change(self, message: Message, now: datetime, **changes: Any) -> None:
        self.messages[message.id] = replace(message, updated_at=now, **changes)

    def free_slot(self, message: Message) -> None:
        key = message.user_id, message.kind
        self.slots[key] = self.slots[key].freed_by(message.id)


def place_of(slot: Slot) -> tuple[str, str, int | None, int | None]:
    """Where planning looks for the slot."""
    return slot.kind, slot.zone, slot.month, slot.day


class MemoryStore:
    """A port over tables; its clock stands for the database's."""

    def __init__(self, clock: Callable[[], datetime], tables: Tables | None = None) -> None:
        self.tables = tables or Tables()
        self.clock = clock

    async def now(self) -> datetime:
        return self.clock()
