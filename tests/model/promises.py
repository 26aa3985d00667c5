"""What must hold: in every state, from one to the next, and when nothing more happens of itself."""

from model.rules import Bounds
from model.two_dates import instant, moments
from model.world import Row, World
from notifier_service.domain import State as Delivery
from scheduler_service.domain import OPEN, State


def always(w: World, bounds: Bounds) -> str:
    """The promise that this state breaks; empty if it keeps all."""
    if w.broken:
        return w.broken
    calls = sum(taken.calls for taken in w.provider)
    return "sent twice without a fault" if calls > 1 and w.left.faults == bounds.faults and not w.decided else ""


def between(w: World, n: World) -> str:
    """The promise that a step breaks."""
    if w.ledger is not n.ledger:
        for before, after in zip(w.ledger, n.ledger, strict=True):
            if before and before.state is Delivery.SENT and (after is None or after.state is not Delivery.SENT):
                return "the ledger forgets a SENT"
    return ""


def at_rest(w: World, bounds: Bounds) -> str:
    """The promise that is broken if nothing more happens of itself."""
    for i, row in enumerate(w.rows):
        if row and (why := _true_to_provider(w, i, row, bounds) or _sure(w, row, bounds) or _come_to_an_end(w, i, row, bounds)):
            return why
    if w.person.date is not None and w.wants(w.person.date) and not w.rows[w.person.date] and not _too_late(w):
        return f"{w.person.date} is wanted and was never planned"
    used = bounds.faults - w.left.faults + (w.decided is not None)
    return "more calls accepted than faults explain" if sum(taken.calls for taken in w.provider) > 1 + used else ""


def _true_to_provider(w: World, i: int, row: Row, bounds: Bounds) -> str:
    overruled = w.provider[i].overruled
    if w.provider[i].calls and row.state not in (State.SENT, State.UNCERTAIN) and not overruled:
        return f"the provider took {i} in, the plan says {row.state}"
    if row.state is State.SENT and not w.provider[i].calls and not overruled:
        return f"the plan says SENT, the provider never got {i}"
    if w.provider[i].heard and row.state is not State.SENT and bounds.faults - w.left.faults <= 1:
        return f"{i} was accepted, the answer heard, the plan says {row.state}"
    return ""


def _sure(w: World, row: Row, bounds: Bounds) -> str:
    return "uncertain without a fault" if row.state is State.UNCERTAIN and w.left.faults == bounds.faults else ""


def _come_to_an_end(w: World, i: int, row: Row, bounds: Bounds) -> str:
    if not w.wants(i):
        return f"{i} is not wanted and ends {row.state}" if row.state in OPEN else ""
    if w.decided and w.decided[0] == i and not w.troubled and row.state is not State.SENT:
        return f"{i} is {w.decided[1]}, and ends {row.state}"
    return "" if row.state in _good_ends(w, i, row, bounds) else f"{i} is wanted and ends {row.state}"


def _too_late(w: World) -> bool:
    """Where the user lives the budget is over, or the date became known only when its day was."""
    at = moments(w.person.zone)
    return at.expires_at <= instant(w.hour) or (w.person.known >= 0 and at.late_until_at <= instant(w.person.known))


def _good_ends(w: World, i: int, row: Row, bounds: Bounds) -> frozenset[State]:
    ends = {State.SENT, State.UNCERTAIN}
    others = {other.state for k, other in enumerate(w.rows) if other and k != i}
    if w.left.faults < bounds.faults:
        ends.add(State.FAILED)
    if _too_late(w):
        ends |= {State.EXPIRED, State.CANCELLED, State.SUPPRESSED}
    if others & {State.SENT, State.UNCERTAIN}:
        ends |= {State.SUPPRESSED, State.CANCELLED}
    if State.UNCERTAIN in others:
        ends.add(State.SCHEDULED)  # It waits for a person, or expires.
    if w.decided and w.decided[0] != i and State.SENT in others:
        ends.add(State.SCHEDULED)  # It expires: the other was sent after all, though a person had said it was not.
    return frozenset(ends)
