"""What the ledger says to a record: whether it may be sent now, was decided before, or has to wait."""

from enum import StrEnum
from typing import NamedTuple

from notifier_service.domain.values import DECIDED, Cancellation, Due, Entry, Outcome, Reason, State, Terms, outcome_of


class Verdict(StrEnum):
    """What is to be done with a record."""

    SEND = "send"  # The claim is ours.
    ANSWER = "answer"  # Its revision is decided: its outcome is told (again).
    DROP = "drop"  # Older than the ledger, or cancelled in another's hand, who will answer.
    WAIT = "wait"  # Another's claim is live.
    EARLY = "early"


class Judgement(NamedTuple):
    """A verdict; the entry as it stands after it; whether that is to be written; and what is told."""

    verdict: Verdict
    entry: Entry | None = None
    written: bool = False
    outcome: Outcome | None = None


def judge(entry: Entry | None, due: Due, now_us: int, fence: int, terms: Terms) -> Judgement:
    """Decide on a record by its entry, which the caller has locked (None: there is none)."""
    if entry is None:
        return _claim(_blank(due, now_us), due, now_us, fence, terms)
    return _standing(entry, due, now_us, fence) or _claim(entry, due, now_us, fence, terms)


def _standing(entry: Entry, due: Due, now_us: int, fence: int) -> Judgement | None:
    """What stands against a claim; None: it is free. The order of these rules is the protocol's."""
    if entry.state is State.SENT:
        return _answer(entry, due)
    live = entry.is_live(now_us)
    if due.revision <= entry.tomb:
        return Judgement(Verdict.DROP) if live else _refuse(entry, due, now_us, fence)
    if due.revision < entry.revision:
        return Judgement(Verdict.DROP)
    if due.revision == entry.revision and entry.state in DECIDED:
        return _answer(entry, due)
    return Judgement(Verdict.WAIT) if live else None


def cancel(entry: Entry | None, asked: Cancellation, now_us: int, fence: int) -> tuple[Entry, Outcome | None]:
    """Raise the tomb and answer the question; silent (None) under a live claim, whose outcome will be the answer."""
    if entry is None:
        entry = Entry(asked.id, asked.local_date, asked.user_id, State.CANCELLED, reason=Reason.CANCELLED, created_us=now_us)
    raised = entry._replace(tomb=max(entry.tomb, asked.revision), updated_us=now_us)
    if entry.is_live(now_us):
        return raised, None
    if entry.state is State.SENT:
        return raised, outcome_of(raised, asked.revision, asked.traceparent)
    return _bury(raised, now_us, fence), _cancelled(entry, asked.revision, asked.traceparent)


def _claim(entry: Entry, due: Due, now_us: int, fence: int, terms: Terms) -> Judgement:
    if now_us < due.not_before_us:
        return Judgement(Verdict.EARLY)
    took_over = entry.state is State.CLAIMED
    claimed = _renew(entry, due, now_us, fence, terms)
    if took_over:
        claimed = claimed._replace(unsure=True, first_unsure_us=claimed.first_unsure_us or entry.claimed_us)
    reason = _obstacle(entry, claimed, due, now_us, terms)
    if reason is None:
        return Judgement(Verdict.SEND, claimed, written=True)
    ended = claimed._replace(state=State.UNCERTAIN if claimed.unsure else State.EXPIRED, reason=reason, lease_until_us=None)
    if claimed.unsure:  # What may have been sent is what later revisions are compared with, not what was refused here.
        ended = ended._replace(digest=entry.digest)
    return Judgement(Verdict.ANSWER, ended, written=True, outcome=outcome_of(ended, due.revision, due.traceparent))


def _renew(entry: Entry, due: Due, now_us: int, fence: int, terms: Terms) -> Entry:
    # A replay is a person's decision: attempts are counted anew, and what may have been sent before is no obstacle any more.
    replayed = due.replay > entry.replay
    return entry._replace(
        state=State.CLAIMED,
        revision=due.revision,
        kind=due.kind,
        variant=due.variant,
        replay=due.replay,
        fence=fence,
        digest=due.digest,
        attempts=0 if replayed else entry.attempts,
        unsure=entry.unsure and not replayed,
        first_unsure_us=None if replayed else entry.first_unsure_us,
        reason="",
        claimed_us=now_us,
        lease_until_us=now_us + terms.lease_us,
        next_attempt_us=None,
        updated_us=now_us,
    )


def _obstacle(before: Entry, claimed: Entry, due: Due, now_us: int, terms: Terms) -> Reason | None:
    """Why the record may not be sent although the claim is free. All but lateness concern what may have been sent already."""
    if now_us > due.not_after_us:
        return Reason.TOO_LATE
    if not claimed.unsure:
        return None
    if terms.holds_unsure:
        return Reason.NO_KEYS
    if before.digest != due.digest:
        return Reason.CONTENT_CHANGED
    if now_us > (claimed.first_unsure_us or now_us) + terms.key_lifetime_us:
        return Reason.KEY_EXPIRED
    return None


def _answer(entry: Entry, due: Due) -> Judgement:
    return Judgement(Verdict.ANSWER, entry, outcome=outcome_of(entry, due.revision, due.traceparent))


def _refuse(entry: Entry, due: Due, now_us: int, fence: int) -> Judgement:
    buried = _bury(entry, now_us, fence)
    return Judgement(Verdict.ANSWER, buried, written=buried is not entry, outcome=_cancelled(entry, due.revision, due.traceparent))


def _bury(entry: Entry, now_us: int, fence: int) -> Entry:
    """End what the tomb covers and is still open. A lapsed claim's holder is fenced off, and may have sent."""
    if entry.revision > entry.tomb or entry.state not in (State.CLAIMED, State.RELEASED, State.RETRY):
        return entry
    if entry.state is State.CLAIMED:
        entry = entry._replace(fence=fence, unsure=True, first_unsure_us=entry.first_unsure_us or entry.claimed_us)
    state = State.UNCERTAIN if entry.unsure else State.CANCELLED
    return entry._replace(state=state, reason=Reason.CANCELLED, lease_until_us=None, next_attempt_us=None, updated_us=now_us)


def _cancelled(entry: Entry, revision: int, traceparent: str) -> Outcome:
    return Outcome(
        id=entry.id,
        revision=revision,
        user_id=entry.user_id,
        result=State.CANCELLED,
        unsure=entry.unsure or entry.state is State.CLAIMED,
        attempts=entry.attempts,
        provider=entry.provider,
        variant=entry.variant,
        reason=Reason.CANCELLED,
        traceparent=traceparent,
    )


def _blank(due: Due, now_us: int) -> Entry:
    return Entry(due.id, due.local_date, due.user_id, State.RELEASED, digest=due.digest, replay=due.replay, created_us=now_us)
