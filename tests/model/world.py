"""One state of everything. Tuples all the way down: a search keeps hundreds of thousands of them."""

from typing import NamedTuple, TypeVar

from notifier_service.domain import State as Delivery
from notifier_service.domain import Tried
from scheduler_service.domain import State

T = TypeVar("T")

NOBODY = 0  # The fence of a claim whose holder is dead; a notifier's own is its index + 1.


class Row(NamedTuple):
    """A message as the plan has it. `waits`: send_at lies ahead; `emitting`: locked by emit, produced but not yet marked."""

    state: State
    revision: int = 1
    waits: bool = False
    emitting: bool = False
    unsure: bool = False
    asked: int = 0
    replay: int = 0
    reason: str = ""
    zone: int = 0
    variant: str = ""


class Person(NamedTuple):
    """The user. `date`: which of the two dates is the birthday; `known`: the hour at which it became known."""

    date: int | None = 0
    opted_out: bool = False
    content: int = 0
    zone: int = 0
    known: int = -1


class Record(NamedTuple):
    """On message-due. `until`, `expires`: the last hours in which it may be sent, with this text or at all. `done`: not yet committed."""

    id: int
    revision: int
    replay: int
    digest: int
    until: int
    expires: int
    done: bool = False


class Entry(NamedTuple):
    """A row of the ledger. `live`: its lease is not over. `claimed`, `first`: the hours of the claim, of the first doubt."""

    state: Delivery
    revision: int = 0
    fence: int = NOBODY
    live: bool = False
    tomb: int = 0
    unsure: bool = False
    first: int | None = None
    claimed: int = 0
    digest: int = 0
    attempts: int = 0
    replay: int = 0


class Told(NamedTuple):
    """On message-outcome."""

    id: int
    revision: int
    result: str
    unsure: bool


class Work(NamedTuple):
    """What a notifier has in hand. `owns`: its partition has not moved since; `rides`: older records of the id are done with this one."""

    record: Record
    claim: Entry | None
    at: str
    told: Told | None = None
    awake: bool = True
    owns: bool = True
    rides: bool = False


class Taken(NamedTuple):
    """Calls that the provider took in under one key, the content of the first, its hour.

    `heard`: some notifier had the answer; `overruled`: a person said what had arrived, whatever had.
    """

    calls: int = 0
    digest: int = 0
    hour: int = 0
    heard: bool = False
    overruled: bool = False


class Left(NamedTuple):
    """What may still happen."""

    faults: int
    edits: int
    hours: int
    decisions: int
    lulls: int


class World(NamedTuple):
    """Everything. The owner of the partition is always the first of the works: the two notifiers are alike.

    `decided`: what a person decided last about a message; `troubled`: something has gone wrong or was changed since;
    `broken`: the promise that the last step broke.
    """

    left: Left
    rows: tuple[Row | None, ...] = (Row(State.SCHEDULED), None)
    slot: int | None = None
    person: Person = Person()
    hour: int = 0
    due: tuple[Record, ...] = ()
    questions: tuple[tuple[int, int], ...] = ()
    outcomes: tuple[Told, ...] = ()
    ledger: tuple[Entry | None, ...] = (None, None)
    works: tuple[Work | None, Work | None] = (None, None)
    provider: tuple[Taken, ...] = (Taken(), Taken())
    lost: bool = False
    decided: tuple[int, str] | None = None
    troubled: bool = False
    broken: str = ""

    def wants(self, i: int) -> bool:
        return self.person.date == i and not self.person.opted_out

    def faulty(self) -> "World":
        """One fault fewer is left."""
        left = self.left._replace(faults=self.left.faults - 1)
        return self._replace(left=left, troubled=self.decided is not None)

    def idle(self) -> bool:
        return not any(work and work.awake for work in self.works)

    def later(self) -> "World":
        """Much later: leases are over long since, and so is the deadline of a call that was not begun."""
        works = tuple(work and (work._replace(at=str(Tried.NOT_TRIED)) if work.at == "claimed" else work) for work in self.works)
        ledger = tuple(entry and entry._replace(live=False) for entry in self.ledger)
        return self._replace(works=(works[0], works[1]), ledger=ledger)

    def row(self, i: int, row: Row | None) -> "World":
        return self._replace(rows=put(self.rows, i, row))

    def entry(self, i: int, entry: Entry | None) -> "World":
        return self._replace(ledger=put(self.ledger, i, entry))

    def hand(self, n: int, work: Work | None) -> "World":
        return self._replace(works=(work, self.works[1]) if n == 0 else (self.works[0], work))

    def tell(self, told: Told | None) -> "World":
        return self._replace(outcomes=(*self.outcomes, told)) if told else self


class Step(NamedTuple):
    """One thing that can happen. `kind`: "" of itself; "!" a fault; "e" an edit, "t" the passing of time, "d" a person's decision."""

    label: str
    after: World
    kind: str = ""


def put(items: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    return (*items[:index], value, *items[index + 1 :])
