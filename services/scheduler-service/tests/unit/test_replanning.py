"""What a change of a user does, in corners that the suite of changes by states does not reach."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from scheduler_service.domain import Change, Known, Message, Recipient, Slot, State, replan
from scheduler_service.testing import DAY, person, rules

HOUR = timedelta(hours=1)
EVE, BEFORE, DUE, AFTER = DAY - 20 * HOUR, DAY + 6 * HOUR, DAY + 8 * HOUR, DAY + 10 * HOUR
ENDED = (State.SENT, State.FAILED, State.UNCERTAIN)


def known(state: State = State.SCHEDULED, recipient: Recipient | None = None, **changes: object) -> Known:
    """Ada, planned for today, in a state."""
    before = recipient or person()
    change = replan(rules(), Known(), before, EVE)
    message: Message = replace(change.planned[0], state=state, **changes)  # type: ignore[arg-type]
    slot = change.slots[0]
    held = slot if state is State.SCHEDULED else slot.holding(message.local_date.year, message.id)
    return Known(before, {"birthday": held}, [message])


def changed(known: Known, recipient: Recipient, now: object = AFTER) -> Change:
    return replan(rules(), known, recipient, now)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ENDED)
@pytest.mark.parametrize("edit", [{"deleted": True}, {"timezone": "Asia/Tokyo"}, {"email": "b@example.org"}, {"dates": {}}])
def test_an_end_stays_an_end(state: State, edit: dict[str, Any]) -> None:
    change = changed(known(state), person(version=2, **edit))
    assert (change.changed, change.planned, change.questions) == ([], [], [])


@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED, State.RETRYING])
def test_whatever_has_come_due_is_asked_about_in_every_open_state(state: State) -> None:
    change = changed(known(state, revision=4), person(version=2, deleted=True))
    [cancelled] = change.changed
    assert (cancelled.revision, cancelled.asked_revision) == (5, 4)
    assert [question.revision for question in change.questions] == [4]


def test_a_later_question_replaces_an_earlier_one() -> None:
    change = changed(known(revision=4, asked_revision=2), person(version=2, deleted=True))
    assert change.changed[0].asked_revision == 4


def test_an_open_question_outlives_a_withdrawal_before_the_time_and_keeps_the_slot() -> None:
    before = known(State.RETRYING, revision=4, asked_revision=2, send_at=AFTER + HOUR)
    change = changed(before, person(version=2, deleted=True))
    assert (change.changed[0].state, change.changed[0].asked_revision, change.questions) == (State.CANCELLED, 2, [])
    assert change.slots[0].slot_message_id == before.messages[0].id


def test_an_unsure_one_that_has_come_due_is_decided_by_the_ledgers_answer() -> None:
    change = changed(known(State.QUEUED, unsure=True), person(version=2, deleted=True))
    assert (change.changed[0].state, len(change.questions)) == (State.CANCELLED, 1)


def test_a_moved_unsure_one_stays_unsure_and_keeps_its_variant() -> None:
    change = changed(known(State.QUEUED, unsure=True, variant="on_the_day"), person(version=2, timezone="Asia/Tokyo"))
    assert (change.changed[0].unsure, change.changed[0].variant) == (True, "on_the_day")


def test_a_retry_that_ran_out_of_budget_is_not_tried_again_by_an_edit() -> None:
    change = changed(known(State.EXPIRED, attempts=8, reason="past_budget"), person(version=2, email="b@example.org"))
    assert change.changed == []


def test_an_expired_one_whose_day_is_still_ahead_in_the_new_zone_is_planned_again() -> None:
    change = changed(known(State.EXPIRED, reason="past_budget"), person(version=2, timezone="America/New_York"), AFTER)
    assert (change.changed[0].state, change.changed[0].send_at) == (State.SCHEDULED, DAY + 13 * HOUR)


def test_one_that_ran_out_by_a_move_is_planned_again_by_the_move_back() -> None:
    now = DAY + 60 * HOUR
    there = changed(known(), person(version=2, timezone="Pacific/Kiritimati"), now)
    assert there.changed[0].state is State.EXPIRED
    moved = Known(there.recipient, {"birthday": there.slots[0]}, there.changed)
    assert changed(moved, person(version=3), now).changed[0].state is State.SCHEDULED


def test_what_was_sent_bars_its_year_even_while_a_question_about_it_is_open() -> None:
    change = changed(known(State.SENT, asked_revision=2), person(version=2, dates={"birthday": "1990-03-11"}))
    assert (change.planned[0].state, change.planned[0].reason) == (State.SUPPRESSED, "already_greeted")


def too_late(**changes: Any) -> Known:
    """Ada, whose day was over in Berlin when it became known."""
    ada = person(known_at=DAY + 24 * HOUR, **changes)
    change = replan(rules(), Known(), ada, DAY + 24 * HOUR)
    assert [(message.state, message.reason) for message in change.planned] == [(State.SUPPRESSED, "known_too_late")]
    return Known(ada, {"birthday": change.slots[0]}, change.planned)


def test_what_was_known_too_late_here_is_sent_where_the_day_lasts_still() -> None:
    now = DAY + 25 * HOUR
    change = changed(too_late(), person(version=2, known_at=DAY + 24 * HOUR, timezone="America/New_York"), now)
    assert (change.changed[0].state, change.changed[0].moments.timezone) == (State.SCHEDULED, "America/New_York")


@pytest.mark.parametrize("edit", [{"timezone": "Asia/Tokyo"}, {"email": "b@example.org"}, {"last_name": "King"}])
def test_any_other_edit_leaves_it_known_too_late(edit: dict[str, Any]) -> None:
    change = changed(too_late(), person(version=2, known_at=DAY + 24 * HOUR, **edit), DAY + 25 * HOUR)
    assert (change.changed, [(a.action, a.reason) for a in change.actions]) == ([], [("kept", "known_too_late")])


def test_a_date_that_is_moved_on_is_greeted_though_the_first_was_known_too_late() -> None:
    change = changed(too_late(), person(version=2, known_at=DAY + 25 * HOUR, dates={"birthday": "1990-03-12"}), DAY + 25 * HOUR)
    assert [(message.state, message.reason) for message in change.planned] == [(State.SCHEDULED, "")]


@pytest.mark.parametrize(("state", "action"), [(State.CANCELLED, "suppressed"), (State.SUPPRESSED, "kept")])
def test_what_was_withdrawn_and_is_wanted_again_when_its_day_is_over_was_known_too_late(state: State, action: str) -> None:
    now = DAY + 30 * HOUR
    change = changed(known(state, reason="date_moved"), person(version=2, known_at=now), now)
    assert [(message.state, message.reason) for message in change.changed] == [(State.SUPPRESSED, "known_too_late")]
    assert [(done.action, done.reason) for done in change.actions] == [(action, "known_too_late")]


def test_a_year_given_to_an_anniversary_can_make_today_none() -> None:
    before = replan(rules(), Known(), person(dates={"anniversary": "--03-10"}), EVE)
    planned = Known(before.recipient, {"anniversary": before.slots[0]}, before.planned)
    change = changed(planned, person(version=2, known_at=BEFORE, dates={"anniversary": "2026-03-10"}), BEFORE)
    assert [(message.state, message.reason) for message in change.changed] == [(State.SUPPRESSED, "year_zero")]
    again = Known(change.recipient, {"anniversary": change.slots[0]}, change.changed)
    corrected = changed(again, person(version=3, known_at=BEFORE, dates={"anniversary": "2025-03-10"}), BEFORE)
    assert corrected.changed[0].state is State.SCHEDULED


def test_a_greeted_year_stays_suppressed_whatever_is_edited() -> None:
    change = changed(known(State.SUPPRESSED, reason="already_greeted"), person(version=2, timezone="America/New_York"))
    assert change.changed == []


def test_an_unreadable_date_leaves_the_plan_as_it_is_and_is_told() -> None:
    change = changed(known(), person(version=2, dates={"birthday": "1990-02-30"}))
    assert (change.changed, change.slots) == ([], [])
    assert "1990-02-30" in " ".join(change.errors)


def test_both_kinds_are_planned_apart() -> None:
    change = replan(rules(), Known(), person(dates={"birthday": "1990-03-10", "anniversary": "2015-03-10"}), EVE)
    assert [message.kind for message in change.planned] == ["anniversary", "birthday"]


def test_a_date_known_twice_counts_from_its_own_knowing() -> None:
    both = person(dates={"birthday": "1990-03-10", "anniversary": "1990-03-10"})
    recipient = replace(both, known_at={"birthday": EVE, "anniversary": BEFORE})
    slots = {slot.kind: slot for slot in replan(rules(), Known(), recipient, AFTER).slots}
    assert (slots["birthday"].known_at, slots["anniversary"].known_at) == (EVE, BEFORE)


def test_an_erased_user_leaves_no_date_behind() -> None:
    [slot] = changed(known(), Recipient(person().user_id, 1, 2, deleted=True, erased=True)).slots
    assert slot == Slot(slot.user_id, "birthday", "", None, None, None, "FEB_28", None, active=False)
