"""What becomes of a delivery when its dispatch has ended."""

from typing import NamedTuple

from notifier_service.domain.values import Attempt, DeadLetter, Due, Entry, Outcome, Reason, Result, State, Terms, Tried, outcome_of


class Conclusion(NamedTuple):
    """The entry as it is to be written under its fence, with what else is kept of the attempt."""

    due: Due
    entry: Entry
    attempt: Attempt | None = None
    dead_letter: DeadLetter | None = None

    def outcome(self) -> Outcome:
        return outcome_of(self.entry, self.due.revision, self.due.traceparent)


def conclude(entry: Entry, due: Due, result: Result, now_us: int, terms: Terms, jitter: float = 0.5) -> Conclusion:
    """Decide by the result of a dispatch under the claim `entry`. `jitter`, in [0, 1), spreads the next attempts of many."""
    if result.tried is Tried.NOT_TRIED and not result.unsure:
        return Conclusion(due, entry._replace(state=State.RELEASED, reason=result.reason, lease_until_us=None, updated_us=now_us))
    if result.tried is Tried.ACCEPTED:
        sent = _tried(entry, State.SENT, result, now_us)
        return Conclusion(due, sent, _attempt(sent, result))
    ended = _after_failure(_tried(entry, State.FAILED, result, now_us), due, result, now_us, terms, jitter)
    return Conclusion(due, ended, _attempt(ended, result), _dead_letter(ended, result) if ended.state is State.FAILED else None)


def backoff_us(attempts: int, terms: Terms, jitter: float) -> int:
    """Wait after the nth attempt: doubling from the first to the longest, of which the upper half is spread by `jitter`."""
    whole = min(terms.first_backoff_us << (attempts - 1), terms.longest_backoff_us)
    return int(whole * (0.5 + 0.5 * jitter))


def _tried(entry: Entry, state: State, result: Result, now_us: int) -> Entry:
    unsure = entry.unsure or result.unsure or result.tried is Tried.UNSURE
    return entry._replace(
        state=state,
        attempts=entry.attempts + 1,
        provider=result.provider or entry.provider,
        provider_message_id=result.provider_message_id,
        reason=result.reason,
        unsure=unsure,
        first_unsure_us=(entry.first_unsure_us or entry.claimed_us) if unsure else None,
        lease_until_us=None,
        sent_us=(result.responded_us or now_us) if state is State.SENT else None,
        updated_us=now_us,
    )


def _after_failure(failed: Entry, due: Due, result: Result, now_us: int, terms: Terms, jitter: float) -> Entry:
    given_up = failed._replace(state=State.UNCERTAIN) if failed.unsure else failed
    if result.tried is Tried.PERMANENT or failed.attempts >= terms.most_attempts:
        return given_up
    if failed.unsure and terms.holds_unsure:
        return given_up._replace(reason=Reason.NO_KEYS)
    next_us = now_us + max(backoff_us(failed.attempts, terms, jitter), result.retry_after_us)
    if next_us > due.expires_us:
        return given_up
    if failed.unsure and next_us > (failed.first_unsure_us or now_us) + terms.key_lifetime_us:
        return given_up._replace(reason=Reason.KEY_EXPIRED)
    return failed._replace(state=State.RETRY, next_attempt_us=next_us)


def _attempt(entry: Entry, result: Result) -> Attempt | None:
    """None for a delivery sent at the first call: its entry says it all, and that is nearly every one."""
    if entry.state is State.SENT and entry.attempts == 1 and result.calls <= 1:
        return None
    return Attempt(
        number=entry.attempts,
        revision=entry.revision,
        fence=entry.fence,
        result=Tried.UNSURE if result.tried is Tried.NOT_TRIED else result.tried,
        provider=result.provider,
        reason=result.reason,
        calls=result.calls,
        dispatched_us=result.dispatched_us,
        responded_us=result.responded_us,
    )


def _dead_letter(entry: Entry, result: Result) -> DeadLetter:
    return DeadLetter(
        id=entry.id,
        local_date=entry.local_date,
        user_id=entry.user_id,
        kind=entry.kind,
        revision=entry.revision,
        reason=entry.reason,
        detail=result.detail,
        attempts=entry.attempts,
        provider=entry.provider,
        unsure=entry.unsure,
        created_us=entry.updated_us,
    )
