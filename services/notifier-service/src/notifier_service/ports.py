"""What the use cases ask of the world."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from notifier_service.domain import Attempt, Cancellation, Conclusion, DeadLetter, Due, Entry, Judgement, Outcome, Result, State
from servicekit.errors import Unavailable


class Claims(NamedTuple):
    """Judgements in the order of the records, and the ledger's clock at which they were made."""

    now_us: int
    judgements: Sequence[Judgement]


class Ledger(Protocol):
    """One row per message id, for ever: the only thing that decides whether a message is sent.

    A *claim* is a row in state CLAIMED with a lease and a *fence*, a number never drawn before. Until the lease is over nobody else claims
    the id; afterwards another may, and the row then says that the message is unsure. What is written for a claim is written under its
    fence: if the row has another by now, nothing happens. One exception: SENT is a fact, and is always written.

    Each method is one transaction, sorted by id, repeated after a deadlock; it judges time by the database's clock. Each is safe to repeat.
    All raise Unavailable, after which the change may have been made or not.
    """

    async def claim(self, dues: Sequence[Due]) -> Claims:
        """Judge each record (`domain.judge`) against its locked row and write what the judgement says. At most one record per id."""

    async def record(self, conclusions: Sequence[Conclusion]) -> frozenset[bytes]:
        """Write what became of claims, with their attempts and dead letters; return the ids that were written or are facts.

        Ids left out had lost their claim: their record is to be judged anew.
        """

    async def cancel(self, cancellations: Sequence[Cancellation]) -> list[Outcome]:
        """Raise tombs (`domain.cancel`) and return the answers; none for what is under a live claim. At most one cancellation per id."""

    async def dead_letters(self, ids: Sequence[bytes]) -> list[DeadLetter]:
        """The dead letters of these ids, for telling them again; ids without one are left out."""


class SentHints(Protocol):
    """Which messages are sent, said quickly and without promise: it may forget, and may not answer. It never raises."""

    def look(self, ids: Sequence[bytes]) -> Awaitable[Mapping[bytes, Outcome]]:
        """What is remembered of these ids, in one call. Empty if it cannot be asked in time."""

    def remember(self, sent: Sequence[Outcome]) -> Awaitable[None]:
        """Only what the ledger has committed as SENT."""


class DispatchRefused(Exception):
    """No message of the slice reached a provider: the call was never made, or was turned away before any was looked at."""


class DispatchCut(Exception):
    """The call broke off: messages without a result may have been sent."""


class Dispatcher(Protocol):
    def dispatch(self, payloads: Sequence[bytes], timeout_seconds: float) -> AsyncIterator[Sequence[tuple[int, Result]]]:
        """Send a slice; groups of (position, result) come as they are known, at most one result per position, nothing after the time-out.

        Raises DispatchRefused before the first group, or DispatchCut at any time; a message without a result by then is unsure.
        """

    def cut(self) -> None:
        """Break off all calls under way: each raises DispatchCut."""


class Announcer(Protocol):
    async def announce(self, outcomes: Sequence[Outcome], dead_letters: Sequence[DeadLetter] = ()) -> None:
        """Return when all are stored for the scheduler, dead letters first. Raises Unavailable: some may be stored, repeat them all."""


class Desk(Protocol):
    """Where records come from and go back to. Each record handed to the use case comes back by exactly one call."""

    def done(self, dues: Sequence[Due]) -> None:
        """These need nothing more: their offsets may be committed."""

    def later(self, dues: Sequence[Due], seconds: float) -> None:
        """Look these up again after a while; their offsets stay."""

    def held(self, dues: Sequence[Due]) -> None:
        """These were not tried and are released: try them again when the dispatcher takes any, and take in nothing new until then."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing: at most `size` after the key of the last one seen."""

    size: int
    after: tuple[str, ...] = ()


class DeliveryReader(Protocol):
    """Questions of people. Reads only; raises Unavailable."""

    async def delivery(self, id_: bytes, local_date: date) -> Entry | None: ...

    async def attempts(self, id_: bytes, local_date: date) -> list[Attempt]:
        """The attempts kept of a delivery, first to last; one sent at the first call keeps none."""

    async def deliveries(self, page: Page, user_id: bytes | None, state: State | None) -> list[Entry]:
        """By id, the latest local date first. The key of one is its id."""

    async def dead_letter(self, id_: bytes) -> DeadLetter | None: ...

    async def list_dead_letters(self, page: Page, user_id: bytes | None, reason: str) -> list[DeadLetter]:
        """The latest first. The key of one is the time it was given up, in microseconds, and its id."""


__all__ = [
    "Announcer",
    "Claims",
    "DeliveryReader",
    "Desk",
    "DispatchCut",
    "DispatchRefused",
    "Dispatcher",
    "Ledger",
    "Page",
    "SentHints",
    "Unavailable",
]
