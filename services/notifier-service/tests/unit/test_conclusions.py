from collections.abc import Callable
from dataclasses import replace

import pytest

from notifier_service.domain import Due, Entry, Reason, Result, State, Terms, Tried, backoff_us, conclude, judge

SECOND = 1_000_000
TERMS = Terms()


@pytest.fixture
def due(make_due: Callable[..., Due]) -> Due:
    return make_due()


@pytest.fixture
def claimed(due: Due, now_us: int) -> Entry:
    entry = judge(None, due, now_us, 7, TERMS).entry
    assert entry is not None
    return entry


def refused(**said: object) -> Result:
    return Result(Tried.REFUSED, provider="p", reason="http_503", calls=3)._replace(**said)  # type: ignore[arg-type] # any field


def test_accepted_is_sent_when_the_provider_said_so(due: Due, claimed: Entry, now_us: int) -> None:
    concluded = conclude(claimed, due, Result(Tried.ACCEPTED, provider_message_id="x", calls=1, responded_us=now_us + 5), now_us + 9, TERMS)
    assert (concluded.entry.state, concluded.entry.sent_us, concluded.entry.attempts) == (State.SENT, now_us + 5, 1)
    assert concluded.attempt is None
    assert concluded.outcome().result is State.SENT


def test_an_attempt_is_kept_when_the_first_call_was_not_enough(due: Due, claimed: Entry, now_us: int) -> None:
    attempt = conclude(claimed, due, Result(Tried.ACCEPTED, calls=2), now_us, TERMS).attempt
    assert attempt is not None
    assert (attempt.number, attempt.result, attempt.calls) == (1, Tried.ACCEPTED, 2)


def test_refused_is_retried_after_the_backoff(due: Due, claimed: Entry, now_us: int) -> None:
    entry = conclude(claimed, due, refused(), now_us, TERMS, jitter=0).entry
    assert (entry.state, entry.reason, entry.unsure) == (State.RETRY, "http_503", False)
    assert entry.next_attempt_us == now_us + 15 * SECOND


def test_refused_waits_at_least_as_long_as_the_provider_asks(due: Due, claimed: Entry, now_us: int) -> None:
    entry = conclude(claimed, due, refused(retry_after_us=120 * SECOND), now_us, TERMS).entry
    assert entry.next_attempt_us == now_us + 120 * SECOND


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (8, 900), (60, 900)])
def test_backoff_doubles_up_to_its_longest(attempts: int, seconds: int) -> None:
    assert backoff_us(attempts, TERMS, 0.999999) == pytest.approx(seconds * SECOND, rel=1e-5)
    assert backoff_us(attempts, TERMS, 0) == seconds * SECOND / 2


@pytest.mark.parametrize(("unsure", "state"), [(False, State.FAILED), (True, State.UNCERTAIN)])
def test_no_attempts_left_ends_it(due: Due, claimed: Entry, now_us: int, unsure: bool, state: State) -> None:
    concluded = conclude(claimed._replace(attempts=7), due, refused(unsure=unsure), now_us, TERMS)
    assert (concluded.entry.state, concluded.entry.attempts, concluded.entry.reason) == (state, 8, "http_503")
    assert (concluded.dead_letter is not None) is (state is State.FAILED)


def test_one_attempt_left_is_another_try(due: Due, claimed: Entry, now_us: int) -> None:
    assert conclude(claimed._replace(attempts=6), due, refused(), now_us, TERMS).entry.state is State.RETRY


@pytest.mark.parametrize(("unsure", "state"), [(False, State.FAILED), (True, State.UNCERTAIN)])
def test_permanent_ends_it_at_once(due: Due, claimed: Entry, now_us: int, unsure: bool, state: State) -> None:
    entry = conclude(claimed._replace(unsure=unsure), due, Result(Tried.PERMANENT, reason="http_422"), now_us, TERMS).entry
    assert (entry.state, entry.reason) == (state, "http_422")


def test_a_next_attempt_past_the_budget_ends_it(due: Due, claimed: Entry, now_us: int) -> None:
    assert conclude(claimed, replace_due(due, expires_us=now_us + 29 * SECOND), refused(), now_us, TERMS, 0.99).entry.state is State.FAILED
    assert conclude(claimed, replace_due(due, expires_us=now_us + 30 * SECOND), refused(), now_us, TERMS, 0.99).entry.state is State.RETRY


def test_unsure_is_retried_and_stays_unsure_since_its_claim(due: Due, claimed: Entry, now_us: int) -> None:
    entry = conclude(claimed, due, Result(Tried.UNSURE, reason="timeout"), now_us + SECOND, TERMS).entry
    assert (entry.state, entry.unsure, entry.first_unsure_us) == (State.RETRY, True, now_us)
    later = conclude(entry._replace(claimed_us=now_us + 90 * SECOND), due, refused(), now_us + 91 * SECOND, TERMS).entry
    assert (later.unsure, later.first_unsure_us) == (True, now_us)


def test_unsure_is_held_where_the_provider_honours_no_keys(due: Due, claimed: Entry, now_us: int) -> None:
    entry = conclude(claimed, due, Result(Tried.UNSURE, reason="timeout"), now_us, replace(TERMS, holds_unsure=True)).entry
    assert (entry.state, entry.reason) == (State.UNCERTAIN, Reason.NO_KEYS)


def test_unsure_whose_key_would_be_forgotten_by_then_ends_uncertain(due: Due, claimed: Entry, now_us: int) -> None:
    entry = conclude(claimed, due, Result(Tried.UNSURE), now_us, replace(TERMS, key_lifetime_us=10 * SECOND)).entry
    assert (entry.state, entry.reason) == (State.UNCERTAIN, Reason.KEY_EXPIRED)


def test_a_refusal_after_a_call_that_may_have_arrived_is_unsure(due: Due, claimed: Entry, now_us: int) -> None:
    assert conclude(claimed, due, refused(unsure=True), now_us, TERMS).entry.unsure


def test_not_tried_is_released_without_an_attempt(due: Due, claimed: Entry, now_us: int) -> None:
    concluded = conclude(claimed, due, Result(Tried.NOT_TRIED, reason="breaker_open"), now_us, TERMS)
    assert (concluded.entry.state, concluded.entry.attempts, concluded.entry.unsure) == (State.RELEASED, 0, False)
    assert concluded.attempt is None


def test_not_tried_after_a_call_that_may_have_arrived_is_an_unsure_attempt(due: Due, claimed: Entry, now_us: int) -> None:
    concluded = conclude(claimed, due, Result(Tried.NOT_TRIED, reason="breaker_open", unsure=True, calls=1), now_us, TERMS)
    assert (concluded.entry.state, concluded.entry.attempts, concluded.entry.unsure) == (State.RETRY, 1, True)
    assert concluded.attempt is not None
    assert concluded.attempt.result is Tried.UNSURE


def replace_due(due: Due, **said: int) -> Due:
    return replace(due, **said)  # type: ignore[arg-type] # any field
