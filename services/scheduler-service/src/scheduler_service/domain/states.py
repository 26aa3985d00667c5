"""The states of a message and every way from one to another."""

from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a message stands."""

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    SENT = "SENT"
    RETRYING = "RETRYING"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    SUPPRESSED = "SUPPRESSED"
    UNCERTAIN = "UNCERTAIN"


#: Waits for `send_at`; *emit* takes it up.
WAITING = frozenset({State.SCHEDULED, State.RETRYING})
#: Not at its end: somebody still works on it.
OPEN = WAITING | {State.QUEUED}


class Transition(StrEnum):
    """What happens to a message."""

    EMITTED = "emitted"
    SENT = "sent"
    RETRIED = "retried"
    FAILED = "failed"
    HELD = "held"
    BELATED = "belated"  # too late for its text, in time for the belated one
    EXPIRED = "expired"
    MOVED = "moved"  # another instant or another content, under the same id
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"
    RESTORED = "restored"  # wanted again after an end that sent nothing
    REPLAYED = "replayed"  # tried again at somebody's wish
    DOUBTED = "doubted"  # it ends, or would, while an attempt may have been accepted


#: From which states, to which. SENT is a fact and is written from any state; it is the end of an id.
TRANSITIONS = MappingProxyType(
    {
        Transition.EMITTED: (WAITING, State.QUEUED),
        Transition.SENT: (frozenset(State) - {State.SENT}, State.SENT),
        Transition.RETRIED: (frozenset({State.QUEUED}), State.RETRYING),
        Transition.FAILED: (frozenset({State.QUEUED}), State.FAILED),
        Transition.HELD: (frozenset({State.QUEUED}), State.SCHEDULED),
        Transition.BELATED: (frozenset({State.QUEUED}), State.SCHEDULED),
        Transition.EXPIRED: (OPEN, State.EXPIRED),
        Transition.MOVED: (OPEN, State.SCHEDULED),
        Transition.CANCELLED: (OPEN, State.CANCELLED),
        Transition.SUPPRESSED: (OPEN | {State.CANCELLED}, State.SUPPRESSED),
        Transition.RESTORED: (frozenset({State.CANCELLED, State.SUPPRESSED, State.EXPIRED}), State.SCHEDULED),
        Transition.REPLAYED: (frozenset({State.FAILED, State.EXPIRED}), State.SCHEDULED),
        Transition.DOUBTED: (OPEN | {State.CANCELLED, State.SUPPRESSED, State.FAILED, State.EXPIRED}, State.UNCERTAIN),
    }
)


class IllegalTransition(Exception):
    """The message is not in a state that allows this."""

    def __init__(self, transition: Transition, state: State) -> None:
        self.transition, self.state = transition, state
        super().__init__(f"a message that is {state} cannot be {transition}")


def allowed(transition: Transition, state: State) -> bool:
    return state in TRANSITIONS[transition][0]


def after(transition: Transition, state: State) -> State:
    """The state that follows. Raises IllegalTransition."""
    if not allowed(transition, state):
        raise IllegalTransition(transition, state)
    return TRANSITIONS[transition][1]


class Reason(StrEnum):
    """Why a message is where it is, for a person as kept in `messages.reason`."""

    USER_DELETED = "user_deleted"
    USER_ERASED = "user_erased"
    OPTED_OUT = "opted_out"
    DATE_MOVED = "date_moved"
    DATE_REMOVED = "date_removed"
    KIND_REMOVED = "kind_removed"
    ALREADY_GREETED = "already_greeted"
    MAYBE_GREETED = "maybe_greeted"  # another message of the year may have been sent; a person decides about that one
    KNOWN_TOO_LATE = "known_too_late"
    YEAR_ZERO = "year_zero"  # the day it counts from: no occasion of its kind yet
    PAST_BUDGET = "past_budget"
    ZONE_MOVED = "zone_moved"
    CONTENT_CHANGED = "content_changed"
    RESTORED = "restored"
    REPLAYED = "replayed"
