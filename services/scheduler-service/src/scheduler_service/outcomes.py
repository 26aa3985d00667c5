"""What an outcome does to the plan: the scheduler's half of the protocol, as a pure function."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from scheduler_service.domain import Reason, State, Transition, after

#: A message that was given back untried waits this long before it is emitted again.
HELD_DELAY = timedelta(seconds=5)

#: Ends that leave a question open until the ledger has answered.
WITHDRAWN = frozenset({State.CANCELLED, State.SUPPRESSED, State.EXPIRED})


class Result(StrEnum):
    """What the ledger says of one revision."""

    SENT = "SENT"
    RETRY = "RETRY"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    HELD = "HELD"
    UNCERTAIN = "UNCERTAIN"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The ledger's word on one revision of a message."""

    message_id: UUID
    revision: int
    result: Result
    unsure: bool = False
    attempt: int = 0
    provider: str = ""
    provider_message_id: str = ""
    sent_at: datetime | None = None
    variant: str = ""
    next_attempt_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The part of a message's row that an outcome may change. `asked_revision` is that of an open question, 0 when there is none."""

    state: State
    revision: int
    send_at: datetime
    expires_at: datetime
    attempts: int
    unsure: bool
    asked_revision: int
    reason: str = ""


class Slot(StrEnum):
    """What becomes of the year's slot."""

    KEEP = "KEEP"
    TAKE = "TAKE"
    FREE = "FREE"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an outcome changed. `transition` is None where the state stays; after SENT the year's other plans are over."""

    standing: Standing
    transition: Transition | None = None
    slot: Slot = Slot.KEEP


def settle(was: Standing, outcome: Outcome, now: datetime) -> Settlement:
    """Return where the message stands after the outcome (rules facts-win, stale, answered, unsure-holds).

    Repeating an outcome changes nothing.
    """
    answered = outcome.revision >= was.asked_revision > 0
    told = replace(was, unsure=was.unsure or outcome.unsure, asked_revision=0 if answered else was.asked_revision)
    if was.state is State.SENT:
        return Settlement(told)
    if outcome.result is Result.SENT:
        return _become(replace(told, attempts=outcome.attempt, reason=""), Transition.SENT, Slot.TAKE)
    if was.state is State.QUEUED and outcome.revision == was.revision:
        return _settle_current(told, outcome, now)
    if answered and was.state in WITHDRAWN:
        return _doubt(told, told.reason) if told.unsure else Settlement(told, slot=Slot.FREE)
    return Settlement(told)


def _settle_current(told: Standing, outcome: Outcome, now: datetime) -> Settlement:
    tried = replace(told, attempts=max(told.attempts, outcome.attempt))
    match outcome.result:
        case Result.RETRY:
            return _retry(tried, outcome, now)
        case Result.EXPIRED if now < told.expires_at and not told.unsure:
            return _again(told, Transition.BELATED, now, "")
        case Result.EXPIRED:
            return _end(told, Transition.EXPIRED, outcome.reason or Reason.PAST_BUDGET)
        case Result.HELD | Result.CANCELLED:  # CANCELLED: the ledger's tomb is above a revision that is wanted; climb over it
            return _again(told, Transition.HELD, now + HELD_DELAY, outcome.reason)
        case Result.UNCERTAIN:
            return _doubt(tried, outcome.reason)
        case _:
            return _end(tried, Transition.FAILED, outcome.reason)


def _retry(tried: Standing, outcome: Outcome, now: datetime) -> Settlement:
    at = max(outcome.next_attempt_at or now, now)
    if at >= tried.expires_at:
        return _end(tried, Transition.EXPIRED, outcome.reason or Reason.PAST_BUDGET)
    return _again(tried, Transition.RETRIED, at, outcome.reason)


def _again(told: Standing, transition: Transition, at: datetime, reason: str) -> Settlement:
    return _become(replace(told, revision=told.revision + 1, send_at=at, reason=reason), transition)


def _end(told: Standing, transition: Transition, reason: str) -> Settlement:
    return _doubt(told, reason) if told.unsure else _become(replace(told, reason=reason), transition, Slot.FREE)


def _doubt(told: Standing, reason: str) -> Settlement:
    """It may have been sent: it keeps the slot until a person decides."""
    return _become(replace(told, unsure=True, reason=reason), Transition.DOUBTED, Slot.TAKE)


def _become(told: Standing, transition: Transition, slot: Slot = Slot.KEEP) -> Settlement:
    return Settlement(replace(told, state=after(transition, told.state)), transition, slot)
