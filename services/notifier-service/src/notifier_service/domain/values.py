"""Values. Instants are Unix microseconds (`_us`) and ids 16 bytes, as they come off the wire and go into SQL: a thousand at a time.

What is made for each message is a named tuple, or not frozen: freezing a dataclass trebles the price of making one.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple


class State(StrEnum):
    """Where a delivery stands."""

    CLAIMED = "CLAIMED"
    RELEASED = "RELEASED"
    SENT = "SENT"
    RETRY = "RETRY"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    UNCERTAIN = "UNCERTAIN"


# Of what was never claimed, so never composed.
NO_DIGEST = bytes(16)
DECIDED = frozenset(State) - {State.CLAIMED, State.RELEASED}


class Reason(StrEnum):
    """Why a delivery stands where it does, where the provider did not say it."""

    TOO_LATE = "too_late"
    CONTENT_CHANGED = "content_changed"
    KEY_EXPIRED = "key_expired"
    NO_KEYS = "provider_without_keys"
    CANCELLED = "cancelled"
    NO_RESULT = "no_result"
    CUT_OFF = "cut_off"
    UNREACHED = "dispatcher_unreached"
    LEASE_SHORT = "lease_short"


class Tried(StrEnum):
    """How one dispatch of a message ended."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    PERMANENT = "PERMANENT"
    UNSURE = "UNSURE"
    NOT_TRIED = "NOT_TRIED"


@dataclass(slots=True, eq=False)
class Due:
    """One record of the due topic: what to send, when it may be, and the bytes as they stood there. Equal only to itself."""

    id: bytes
    local_date: date
    revision: int
    user_id: bytes
    kind: str
    variant: str
    not_before_us: int
    not_after_us: int
    expires_us: int
    digest: bytes
    replay: int
    recovered: bool
    traceparent: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The question "do not send this; did you?", up to a revision."""

    id: bytes
    local_date: date
    revision: int
    user_id: bytes
    traceparent: str = ""


class Entry(NamedTuple):
    """A row of the ledger. A claim is live until `lease_until_us`, then lapsed: its holder may have sent."""

    id: bytes
    local_date: date
    user_id: bytes
    state: State
    revision: int = 0
    kind: str = ""
    variant: str = ""
    replay: int = 0
    fence: int = 0
    tomb: int = 0
    unsure: bool = False
    first_unsure_us: int | None = None
    digest: bytes = NO_DIGEST
    attempts: int = 0
    provider: str = ""
    provider_message_id: str = ""
    reason: str = ""
    claimed_us: int | None = None
    lease_until_us: int | None = None
    next_attempt_us: int | None = None
    sent_us: int | None = None
    created_us: int = 0
    updated_us: int = 0

    def is_live(self, now_us: int) -> bool:
        return self.state is State.CLAIMED and (self.lease_until_us or 0) > now_us


class Result(NamedTuple):
    """What the dispatcher tells of one message. `unsure`: some call of this dispatch may have been accepted, whatever `tried` says."""

    tried: Tried
    provider: str = ""
    provider_message_id: str = ""
    reason: str = ""
    detail: str = ""
    calls: int = 0
    dispatched_us: int | None = None
    responded_us: int | None = None
    retry_after_us: int = 0
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One dispatch that called the provider."""

    number: int
    revision: int
    fence: int
    result: Tried
    provider: str
    reason: str
    calls: int
    dispatched_us: int | None
    responded_us: int | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was given up."""

    id: bytes
    local_date: date
    user_id: bytes
    kind: str
    revision: int
    reason: str
    detail: str
    attempts: int
    provider: str
    unsure: bool
    created_us: int


class Outcome(NamedTuple):
    """What the scheduler is told of one revision of a message."""

    id: bytes
    revision: int
    user_id: bytes
    result: State
    unsure: bool = False
    attempts: int = 0
    provider: str = ""
    provider_message_id: str = ""
    sent_us: int | None = None
    variant: str = ""
    next_attempt_us: int | None = None
    reason: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the decisions go by. `holds_unsure`: what may have been sent is never sent again, for the provider honours no keys."""

    lease_us: int = 30_000_000
    holds_unsure: bool = False
    key_lifetime_us: int = 24 * 3_600_000_000
    most_attempts: int = 8
    first_backoff_us: int = 30_000_000
    longest_backoff_us: int = 900_000_000


def content_digest(*inputs: str) -> bytes:
    """16 bytes that differ when any input of the composed message (address, kind, variant, locale, names, years) does."""
    lengths = ",".join([str(len(text)) for text in inputs])  # Where one ends: else "ab", "c" would be "a", "bc".
    return blake2b("".join([lengths, ";", *inputs]).encode(), digest_size=16).digest()


def outcome_of(entry: Entry, revision: int, traceparent: str) -> Outcome:
    """What an entry that is decided says of a revision."""
    return Outcome(
        id=entry.id,
        revision=revision,
        user_id=entry.user_id,
        result=entry.state,
        unsure=entry.unsure,
        attempts=entry.attempts,
        provider=entry.provider,
        provider_message_id=entry.provider_message_id,
        sent_us=entry.sent_us,
        variant=entry.variant,
        next_attempt_us=entry.next_attempt_us if entry.state is State.RETRY else None,
        reason=entry.reason,
        traceparent=traceparent,
    )
