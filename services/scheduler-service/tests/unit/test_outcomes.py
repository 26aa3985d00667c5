from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from scheduler_service.domain import Reason, State, Transition
from scheduler_service.outcomes import HELD_DELAY, Outcome, Result, Slot, Standing, settle

NOW = datetime(2026, 3, 14, 9, 0, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
ID = UUID("20260314-0000-8000-8000-000000000000")
QUEUED = Standing(State.QUEUED, 3, NOW - HOUR, NOW + HOUR, 0, unsure=False, asked_revision=0)
WAITING = (State.SCHEDULED, State.RETRYING)
WITHDRAWN = (State.CANCELLED, State.SUPPRESSED, State.EXPIRED)


def outcome(result: Result, revision: int = 3, **fields: object) -> Outcome:
    return replace(Outcome(ID, revision, result), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [state for state in State if state is not State.SENT])
@pytest.mark.parametrize("revision", [1, 3, 9])
def test_facts_win_sent_is_applied_in_any_state_and_at_any_revision(state: State, revision: int) -> None:
    settled = settle(replace(QUEUED, state=state), outcome(Result.SENT, revision, attempt=2), NOW)
    assert (settled.standing.state, settled.slot, settled.transition) == (State.SENT, Slot.TAKE, Transition.SENT)
    assert settled.standing.attempts == 2


@pytest.mark.parametrize("result", list(Result))
def test_sent_is_the_end_whatever_comes_after(result: Result) -> None:
    was = replace(QUEUED, state=State.SENT)
    settled = settle(was, outcome(result), NOW)
    assert settled.standing == was
    assert (settled.transition, settled.slot) == (None, Slot.KEEP)


@pytest.mark.parametrize("result", [result for result in Result if result is not Result.SENT])
@pytest.mark.parametrize("revision", [2, 4])
def test_stale_an_outcome_of_another_revision_changes_no_state(result: Result, revision: int) -> None:
    assert settle(QUEUED, outcome(result, revision), NOW).standing == QUEUED


@pytest.mark.parametrize("result", [result for result in Result if result is not Result.SENT])
@pytest.mark.parametrize("state", [state for state in State if state not in (State.SENT, State.QUEUED)])
def test_stale_an_outcome_of_what_is_not_queued_changes_no_state(result: Result, state: State) -> None:
    was = replace(QUEUED, state=state)
    settled = settle(was, outcome(result), NOW)
    assert settled.standing == was
    assert settled.slot is Slot.KEEP


def test_a_retry_waits_for_its_time_under_a_new_revision() -> None:
    settled = settle(QUEUED, outcome(Result.RETRY, next_attempt_at=NOW + HOUR / 2, attempt=1, reason="http_503"), NOW)
    assert settled.standing == replace(QUEUED, state=State.RETRYING, revision=4, send_at=NOW + HOUR / 2, attempts=1, reason="http_503")
    assert settled.slot is Slot.KEEP


def test_a_retry_is_never_planned_in_the_past() -> None:
    assert settle(QUEUED, outcome(Result.RETRY, next_attempt_at=NOW - HOUR), NOW).standing.send_at == NOW


@pytest.mark.parametrize(("unsure", "state", "slot"), [(False, State.EXPIRED, Slot.FREE), (True, State.UNCERTAIN, Slot.TAKE)])
def test_a_retry_at_the_expiry_or_after_it_ends_the_message(unsure: bool, state: State, slot: Slot) -> None:
    settled = settle(QUEUED, outcome(Result.RETRY, next_attempt_at=QUEUED.expires_at, unsure=unsure, reason="http_503"), NOW)
    assert (settled.standing.state, settled.slot, settled.standing.reason) == (state, slot, "http_503")


@pytest.mark.parametrize(("unsure", "state", "slot"), [(False, State.FAILED, Slot.FREE), (True, State.UNCERTAIN, Slot.TAKE)])
def test_a_failure_frees_the_year_unless_it_may_have_been_sent(unsure: bool, state: State, slot: Slot) -> None:
    settled = settle(replace(QUEUED, unsure=unsure), outcome(Result.FAILED, attempt=8, reason="http_422"), NOW)
    assert (settled.standing.state, settled.slot) == (state, slot)
    assert (settled.standing.attempts, settled.standing.reason) == (8, "http_422")


def test_uncertain_keeps_the_year_for_a_person() -> None:
    settled = settle(QUEUED, outcome(Result.UNCERTAIN, attempt=1, reason="content_changed"), NOW)
    assert (settled.standing.state, settled.standing.unsure, settled.slot) == (State.UNCERTAIN, True, Slot.TAKE)


def test_too_late_for_its_text_becomes_belated() -> None:
    settled = settle(QUEUED, outcome(Result.EXPIRED), NOW)
    assert (settled.standing.state, settled.standing.revision, settled.standing.send_at) == (State.SCHEDULED, 4, NOW)
    assert (settled.transition, settled.slot) == (Transition.BELATED, Slot.KEEP)


@pytest.mark.parametrize(("unsure", "state"), [(False, State.EXPIRED), (True, State.UNCERTAIN)])
def test_too_late_for_any_text_ends(unsure: bool, state: State) -> None:
    settled = settle(replace(QUEUED, expires_at=NOW), outcome(Result.EXPIRED, unsure=unsure), NOW)
    assert (settled.standing.state, settled.standing.reason) == (state, Reason.PAST_BUDGET)


def test_unsure_and_too_late_for_its_text_is_left_to_a_person() -> None:
    assert settle(QUEUED, outcome(Result.EXPIRED, unsure=True), NOW).standing.state is State.UNCERTAIN


@pytest.mark.parametrize("result", [Result.HELD, Result.CANCELLED])
def test_given_back_untried_it_is_planned_again(result: Result) -> None:
    settled = settle(QUEUED, outcome(result), NOW)
    assert (settled.standing.state, settled.standing.revision, settled.standing.send_at) == (State.SCHEDULED, 4, NOW + HELD_DELAY)


@pytest.mark.parametrize("state", WITHDRAWN)
def test_answered_a_withdrawn_message_ends_and_frees_the_year(state: State) -> None:
    was = replace(QUEUED, state=state, revision=4, asked_revision=3, reason="user_deleted")
    settled = settle(was, outcome(Result.CANCELLED), NOW)
    assert settled.standing == replace(was, asked_revision=0)
    assert settled.slot is Slot.FREE


@pytest.mark.parametrize(("state", "known_unsure"), list(product(WITHDRAWN, (False, True))))
def test_answered_unsure_a_withdrawn_message_is_left_to_a_person(state: State, known_unsure: bool) -> None:
    was = replace(QUEUED, state=state, revision=4, asked_revision=3, unsure=known_unsure, reason="user_deleted")
    settled = settle(was, outcome(Result.CANCELLED, unsure=not known_unsure), NOW)
    assert (settled.standing.state, settled.standing.asked_revision, settled.slot) == (State.UNCERTAIN, 0, Slot.TAKE)


@pytest.mark.parametrize("result", [result for result in Result if result is not Result.SENT])
def test_any_outcome_of_the_asked_revision_or_a_later_one_answers(result: Result) -> None:
    was = replace(QUEUED, state=State.CANCELLED, revision=4, asked_revision=3)
    assert settle(was, outcome(result, 3), NOW).standing.asked_revision == 0
    assert settle(was, outcome(result, 2), NOW).standing.asked_revision == 3


@pytest.mark.parametrize("state", WAITING)
def test_an_answer_for_a_message_that_is_wanted_again_keeps_its_plan(state: State) -> None:
    was = replace(QUEUED, state=state, revision=4, asked_revision=3)
    settled = settle(was, outcome(Result.CANCELLED, unsure=True), NOW)
    assert settled.standing == replace(was, asked_revision=0, unsure=True)
    assert settled.slot is Slot.KEEP


def test_unsure_is_never_forgotten() -> None:
    was = replace(QUEUED, unsure=True)
    for result in Result:
        assert settle(was, outcome(result, next_attempt_at=NOW), NOW).standing.unsure


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("asked", [0, 2, 3])
@pytest.mark.parametrize("result", list(Result))
@pytest.mark.parametrize("unsure", [False, True])
def test_an_outcome_repeated_changes_nothing(state: State, asked: int, result: Result, unsure: bool) -> None:
    was = replace(QUEUED, state=state, asked_revision=asked)
    once = settle(was, outcome(result, unsure=unsure, next_attempt_at=NOW), NOW)
    twice = settle(once.standing, outcome(result, unsure=unsure, next_attempt_at=NOW), NOW)
    assert twice.standing == once.standing
    assert twice.transition is None
