"""What each change of a user does to a message in each state, over the fake and over Postgres."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from scheduler_service.domain import Message, Reason, State
from scheduler_service.outcomes import Outcome, Result
from scheduler_service.testing import ADA, DAY, Desk, actions, person, rules
from scheduler_service.wire import to_message

HOUR = timedelta(hours=1)
BEFORE = DAY + 6 * HOUR  # 07:00 in Berlin
DUE = DAY + 8 * HOUR
AFTER = DAY + 10 * HOUR  # 11:00 in Berlin
EVE = DAY - 20 * HOUR


async def planned(desk: Desk, now: datetime = EVE) -> Message:
    await desk.take(now, person())
    return await desk.message()


async def test_a_new_user_is_planned_at_nine_local(desk: Desk) -> None:
    message = await planned(desk)
    assert (message.state, message.revision, message.kind, message.local_date) == (State.SCHEDULED, 1, "birthday", date(2026, 3, 10))
    assert (message.send_at, message.moments.due_at) == (DUE, DUE)
    assert message.moments.late_until_at == DAY + 23 * HOUR
    assert message.moments.expires_at == DAY + 71 * HOUR
    assert message.moments.timezone == "Europe/Berlin"
    assert desk.woken == 1


async def test_beyond_the_horizon_nothing_is_planned_yet(desk: Desk) -> None:
    taken = await desk.take(DAY - 60 * HOUR, person())
    assert (await desk.messages(), actions(taken)) == ([], [])


class TestZoneChanged:
    async def test_new_nine_ahead_is_moved(self, desk: Desk) -> None:
        await planned(desk)
        taken = await desk.take(BEFORE, person(version=2, timezone="America/New_York"))
        moved = await desk.message()
        assert actions(taken) == [("moved", "zone_moved")]
        assert (moved.state, moved.revision, moved.send_at) == (State.SCHEDULED, 2, DAY + 13 * HOUR)
        assert moved.moments.timezone == "America/New_York"
        assert await desk.world.questions() == []

    async def test_new_nine_already_past_today_is_sent_now_as_late(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, timezone="Asia/Tokyo"))
        moved = await desk.message()
        assert (moved.state, moved.send_at) == (State.SCHEDULED, DAY)
        assert moved.send_at < BEFORE < moved.moments.late_until_at

    async def test_where_the_day_is_over_it_is_belated_within_its_budget(self, desk: Desk) -> None:
        await desk.take(EVE, person(timezone="Pacific/Honolulu"))
        now = DAY + 18 * HOUR
        await desk.take(now, person(version=2, timezone="Pacific/Kiritimati"))
        moved = await desk.message()
        assert moved.state is State.SCHEDULED
        assert moved.moments.late_until_at < now < moved.moments.expires_at

    async def test_past_its_budget_over_there_it_expires_with_a_reason(self, desk: Desk) -> None:
        desk.rules = rules(belated=timedelta())
        await desk.take(EVE, person(timezone="Pacific/Honolulu"))
        await desk.take(DAY + 18 * HOUR, person(version=2, timezone="Pacific/Kiritimati"))
        expired = await desk.message()
        assert (expired.state, expired.reason) == (State.EXPIRED, Reason.PAST_BUDGET)

    async def test_a_queued_one_is_called_back_and_moved(self, desk: Desk) -> None:
        queued = await desk.put(await planned(desk), State.QUEUED)
        await desk.take(DUE, person(version=2, timezone="America/New_York"))
        moved = await desk.message()
        assert (moved.state, moved.revision, moved.asked_revision) == (State.SCHEDULED, 2, 1)
        assert await desk.world.questions() == [(queued.id, 1)]
        assert (await desk.world.slot(ADA, "birthday")).slot_message_id == queued.id

    async def test_what_was_sent_before_the_move_reached_it_shows_the_instants_it_was_sent_by(self, desk: Desk) -> None:
        queued = await desk.put(await planned(desk), State.QUEUED)
        await desk.take(DUE, person(version=2, timezone="America/New_York"))
        await desk.take(DUE, person(version=3, timezone="America/Los_Angeles"))
        sent_at = DUE + timedelta(seconds=2)
        await desk.settle(AFTER, Outcome(queued.id, 1, Result.SENT, attempt=1, provider="http_email", sent_at=sent_at))
        sent = await desk.message()
        assert (sent.state, sent.moments, sent.sent_at) == (State.SENT, queued.moments, sent_at)
        assert to_message(sent).lateness_seconds == 2

    async def test_what_was_sent_after_it_the_new_ones(self, desk: Desk) -> None:
        queued = await desk.put(await planned(desk), State.QUEUED)
        await desk.take(DUE, person(version=2, timezone="America/New_York"))
        await desk.settle(AFTER, Outcome(queued.id, 1, Result.CANCELLED))
        again = await desk.put(await desk.message(), State.QUEUED)
        sent_at = DAY + 13 * HOUR
        await desk.settle(sent_at, Outcome(queued.id, 2, Result.SENT, attempt=1, provider="http_email", sent_at=sent_at))
        sent = await desk.message()
        assert (sent.state, sent.moments, sent.moments.due_at) == (State.SENT, again.moments, sent_at)

    async def test_a_zone_with_the_same_instants_changes_nothing_but_its_name(self, desk: Desk) -> None:
        await planned(desk)
        taken = await desk.take(BEFORE, person(version=2, timezone="Europe/Paris"))
        kept = await desk.message()
        assert (actions(taken), kept.revision, kept.moments.timezone) == ([("kept", "")], 1, "Europe/Paris")

    async def test_a_retry_keeps_its_distance(self, desk: Desk) -> None:
        message = await planned(desk)
        later = AFTER + HOUR
        await desk.put(message, State.RETRYING, send_at=later, attempts=2, revision=2)
        await desk.take(AFTER, person(version=2, timezone="Asia/Tokyo"))
        moved = await desk.message()
        assert (moved.state, moved.send_at, moved.attempts) == (State.SCHEDULED, later, 2)


class TestContentChanged:
    EDITS = ({"email": "new@example.org"}, {"first_name": "Augusta"}, {"last_name": "King"}, {"locale": "de"})

    @pytest.mark.parametrize("edit", EDITS, ids=lambda edit: next(iter(edit)))
    async def test_a_copy_on_its_way_is_called_back(self, desk: Desk, edit: dict[str, Any]) -> None:
        queued = await desk.put(await planned(desk), State.QUEUED)
        taken = await desk.take(DUE, person(version=2, **edit))
        recalled = await desk.message()
        assert actions(taken) == [("recalled", "content_changed")]
        assert (recalled.state, recalled.revision, recalled.asked_revision) == (State.SCHEDULED, 2, 1)
        assert await desk.world.questions() == [(queued.id, 1)]

    async def test_a_due_one_may_be_on_its_way_though_it_is_not_marked(self, desk: Desk) -> None:
        message = await planned(desk)
        await desk.take(AFTER, person(version=2, email="new@example.org"))
        assert await desk.world.questions() == [(message.id, 1)]

    async def test_what_is_not_due_goes_out_with_the_new_content_by_itself(self, desk: Desk) -> None:
        await planned(desk)
        taken = await desk.take(BEFORE, person(version=2, email="new@example.org"))
        assert (actions(taken), (await desk.message()).revision) == ([("kept", "")], 1)
        assert await desk.world.questions() == []

    async def test_the_year_of_birth_is_content(self, desk: Desk) -> None:
        await desk.put(await planned(desk), State.QUEUED)
        taken = await desk.take(DUE, person(version=2, dates={"birthday": "1991-03-10"}))
        assert actions(taken) == [("recalled", "content_changed")]


class TestAlreadySent:
    async def test_a_new_zone_brings_nothing_more(self, desk: Desk) -> None:
        await desk.put(await planned(desk), State.SENT)
        taken = await desk.take(AFTER, person(version=2, timezone="America/New_York"))
        assert (actions(taken), (await desk.message()).state) == ([("kept", "sent")], State.SENT)

    async def test_a_new_date_brings_nothing_more_this_year(self, desk: Desk) -> None:
        await desk.put(await planned(desk), State.SENT)
        taken = await desk.take(AFTER, person(version=2, known_at=AFTER, dates={"birthday": "1990-03-12"}))
        _, second = await desk.messages()
        assert (second.state, second.reason) == (State.SUPPRESSED, Reason.ALREADY_GREETED)
        assert actions(taken) == [("suppressed", "already_greeted")]

    async def test_nor_within_sixty_days_in_the_next_year(self, desk: Desk) -> None:
        sylvester = datetime(2026, 12, 30, 12, tzinfo=UTC)
        await desk.take(sylvester, person(dates={"birthday": "1990-12-31"}))
        await desk.put(await desk.message(), State.SENT)
        now = sylvester + timedelta(days=1)
        await desk.take(now, person(version=2, known_at=now, dates={"birthday": "1990-01-01"}))
        _, second = await desk.messages()
        assert (second.local_date, second.state, second.reason) == (date(2027, 1, 1), State.SUPPRESSED, Reason.ALREADY_GREETED)

    async def test_while_in_doubt_nothing_more_either(self, desk: Desk) -> None:
        await desk.put(await planned(desk), State.UNCERTAIN, unsure=True)
        await desk.take(AFTER, person(version=2, known_at=AFTER, dates={"birthday": "1990-03-12"}))
        _, second = await desk.messages()
        assert (second.state, second.reason) == (State.SUPPRESSED, Reason.MAYBE_GREETED)


class TestDateChanged:
    async def test_todays_is_cancelled_and_the_new_day_planned(self, desk: Desk) -> None:
        await planned(desk)
        taken = await desk.take(BEFORE, person(version=2, known_at=BEFORE, dates={"birthday": "1990-03-11"}))
        first, second = await desk.messages()
        assert actions(taken) == [("cancelled", "date_moved"), ("planned", "")]
        assert (first.state, first.reason, second.state) == (State.CANCELLED, Reason.DATE_MOVED, State.SCHEDULED)

    async def test_the_new_one_waits_for_the_answer_about_the_old(self, desk: Desk) -> None:
        queued = await desk.put(await planned(desk), State.QUEUED)
        await desk.take(DUE, person(version=2, known_at=DUE, dates={"birthday": "1990-03-11"}))
        first, second = await desk.messages()
        assert (first.state, first.asked_revision, first.revision, second.state) == (State.CANCELLED, 1, 2, State.SCHEDULED)
        assert (await desk.world.slot(ADA, "birthday")).slot_message_id == queued.id

    async def test_moved_back_it_is_planned_again_under_its_id(self, desk: Desk) -> None:
        message = await planned(desk)
        await desk.take(BEFORE, person(version=2, known_at=BEFORE, dates={"birthday": "1990-04-11"}))
        await desk.take(BEFORE, person(version=3, known_at=BEFORE))
        restored = await desk.message()
        assert (restored.id, restored.state, restored.revision) == (message.id, State.SCHEDULED, 3)

    async def test_a_date_taken_away_cancels(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, dates={}))
        cancelled = await desk.message()
        assert (cancelled.state, cancelled.reason) == (State.CANCELLED, Reason.DATE_REMOVED)

    async def test_a_leap_day_rule_moves_the_day(self, desk: Desk) -> None:
        leap = {"birthday": "1992-02-29"}
        now = datetime(2026, 2, 27, 12, tzinfo=UTC)
        await desk.take(now, person(dates=leap))
        await desk.take(now, person(version=2, dates=leap, leap_day_rule="MAR_1"))
        first, second = await desk.messages()
        assert (first.local_date, first.state) == (date(2026, 2, 28), State.CANCELLED)
        assert (second.local_date, second.state) == (date(2026, 3, 1), State.SCHEDULED)


class TestCreatedOnTheDay:
    async def test_before_nine_it_is_planned_for_nine(self, desk: Desk) -> None:
        await desk.take(BEFORE, person(known_at=BEFORE))
        message = await desk.message()
        assert (message.state, message.send_at) == (State.SCHEDULED, DUE)

    async def test_after_nine_it_is_sent_now(self, desk: Desk) -> None:
        await desk.take(AFTER, person(known_at=AFTER))
        message = await desk.message()
        assert message.state is State.SCHEDULED
        assert message.send_at < AFTER

    async def test_unless_the_setting_says_next_year(self, desk: Desk) -> None:
        desk.rules = rules(sends_at_once=False)
        await desk.take(AFTER, person(known_at=AFTER))
        message = await desk.message()
        assert (message.state, message.reason) == (State.SUPPRESSED, Reason.KNOWN_TOO_LATE)

    async def test_a_date_known_when_its_day_was_over_is_told_to_be_too_late(self, desk: Desk) -> None:
        now = DAY + 30 * HOUR
        taken = await desk.take(now, person(known_at=now))
        message = await desk.message()
        assert (message.state, message.reason) == (State.SUPPRESSED, Reason.KNOWN_TOO_LATE)
        assert actions(taken) == [("suppressed", "known_too_late")]
        assert (await desk.world.slot(ADA, "birthday")).slot_message_id is None

    async def test_nor_is_there_a_word_of_a_day_that_could_not_be_made_up_any_more(self, desk: Desk) -> None:
        now = DAY + 72 * HOUR
        taken = await desk.take(now, person(known_at=now))
        assert (await desk.messages(), actions(taken)) == ([], [])

    async def test_an_edit_to_a_day_that_is_over_is_told_to_be_too_late(self, desk: Desk) -> None:
        now = DAY + 30 * HOUR
        await desk.take(EVE, person(dates={"birthday": "1990-06-01"}))
        taken = await desk.take(now, person(version=2, known_at=now))
        assert actions(taken) == [("suppressed", "known_too_late")]

    async def test_the_day_that_somebody_joined_is_told_to_be_no_anniversary(self, desk: Desk) -> None:
        taken = await desk.take(BEFORE, person(known_at=BEFORE, dates={"anniversary": "2026-03-10"}))
        message = await desk.message()
        assert (message.state, message.reason) == (State.SUPPRESSED, Reason.YEAR_ZERO)
        assert actions(taken) == [("suppressed", "year_zero")]

    async def test_an_event_that_comes_late_is_made_up_for(self, desk: Desk) -> None:
        await desk.take(DAY + 30 * HOUR, person(known_at=BEFORE))
        message = await desk.message()
        assert message.moments.late_until_at < DAY + 30 * HOUR < message.moments.expires_at
        assert message.state is State.SCHEDULED


class TestWithdrawn:
    async def test_deleted_is_cancelled(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, deleted=True))
        cancelled = await desk.message()
        assert (cancelled.state, cancelled.reason, cancelled.revision) == (State.CANCELLED, Reason.USER_DELETED, 2)
        assert not (await desk.world.slot(ADA, "birthday")).active

    async def test_opted_out_is_suppressed(self, desk: Desk) -> None:
        await planned(desk)
        taken = await desk.take(BEFORE, person(version=2, suppressed=frozenset({"birthday"})))
        suppressed = await desk.message()
        assert (suppressed.state, suppressed.reason) == (State.SUPPRESSED, Reason.OPTED_OUT)
        assert actions(taken) == [("suppressed", "opted_out")]

    async def test_what_is_on_its_way_is_asked_about(self, desk: Desk) -> None:
        queued = await desk.put(await planned(desk), State.QUEUED)
        await desk.take(DUE, person(version=2, deleted=True))
        cancelled = await desk.message()
        assert (cancelled.state, cancelled.asked_revision) == (State.CANCELLED, 1)
        assert await desk.world.questions() == [(queued.id, 1)]
        assert (await desk.world.slot(ADA, "birthday")).slot_message_id == queued.id

    async def test_a_retry_that_is_not_due_gives_its_slot_back(self, desk: Desk) -> None:
        await desk.put(await planned(desk), State.RETRYING, send_at=AFTER + HOUR, revision=2)
        await desk.take(AFTER, person(version=2, deleted=True))
        assert (await desk.message()).state is State.CANCELLED
        assert (await desk.world.slot(ADA, "birthday")).slot_message_id is None

    async def test_an_unsure_one_ends_uncertain_and_keeps_the_slot(self, desk: Desk) -> None:
        message = await desk.put(await planned(desk), State.RETRYING, send_at=AFTER + HOUR, revision=2, unsure=True)
        await desk.take(AFTER, person(version=2, deleted=True))
        assert (await desk.message()).state is State.UNCERTAIN
        assert (await desk.world.slot(ADA, "birthday")).slot_message_id == message.id

    async def test_restored_is_planned_again(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, deleted=True))
        taken = await desk.take(BEFORE, person(version=3))
        restored = await desk.message()
        assert actions(taken) == [("planned", "restored")]
        assert (restored.state, restored.revision, restored.reason) == (State.SCHEDULED, 3, "")

    async def test_opted_in_again_is_planned_again(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, suppressed=frozenset({"birthday"})))
        await desk.take(BEFORE, person(version=3))
        assert (await desk.message()).state is State.SCHEDULED

    async def test_restored_past_the_budget_stays_cancelled(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, deleted=True))
        await desk.take(DAY + timedelta(days=5), person(version=3))
        assert (await desk.message()).state is State.CANCELLED

    async def test_erased_leaves_a_stub_that_beats_any_snapshot(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, erased=True, deleted=True, dates={}, email="", first_name="", last_name=""))
        taken = await desk.take(BEFORE, person(version=9))
        slot = await desk.world.slot(ADA, "birthday")
        assert ((await desk.message()).reason, taken.older, slot.month, slot.year) == (Reason.USER_ERASED, 1, None, None)


class TestSnapshots:
    async def test_an_older_one_changes_nothing(self, desk: Desk) -> None:
        await desk.take(EVE, person(version=5))
        taken = await desk.take(EVE, person(version=4, deleted=True))
        assert (taken.older, (await desk.message()).state) == (1, State.SCHEDULED)

    async def test_a_newer_epoch_beats_a_higher_version(self, desk: Desk) -> None:
        await desk.take(EVE, person(version=5))
        await desk.take(EVE, person(version=1, epoch=2, deleted=True))
        assert (await desk.message()).state is State.CANCELLED

    async def test_of_a_batch_the_newest_counts(self, desk: Desk) -> None:
        taken = await desk.take(EVE, person(version=2, timezone="Asia/Tokyo"), person(version=3), person(version=1))
        assert ((await desk.message()).moments.timezone, taken.older) == ("Europe/Berlin", 1)

    async def test_several_changes_in_a_batch_leave_what_they_leave_one_by_one(self, desk: Desk) -> None:
        moved, away, back = (person(version=2, timezone="Asia/Tokyo"), person(version=3, deleted=True), person(version=4))
        other = person(UUID(int=7), timezone="Asia/Tokyo")
        taken = await desk.take(EVE, person(), other, moved, away, back)
        assert actions(taken) == [
            ("planned", ""),
            ("planned", ""),
            ("moved", "zone_moved"),
            ("cancelled", "user_deleted"),
            ("planned", "restored"),
        ]
        assert ((await desk.message()).state, (await desk.message()).revision) == (State.SCHEDULED, 4)
        replans = await desk.world.at(EVE).queries.replans(ADA, None, 10)
        assert [(replan.version, [str(done.action) for done in replan.actions]) for replan in replans] == [
            (4, ["planned"]),
            (3, ["cancelled"]),
            (2, ["moved"]),
            (1, ["planned"]),
        ]

    async def test_what_a_change_did_is_listed_the_latest_first(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, timezone="America/New_York"))
        await desk.take(BEFORE, person(version=3, deleted=True))
        queries = desk.world.at(BEFORE).queries
        replans = await queries.replans(ADA, None, 2)
        assert [(replan.version, [str(done.action) for done in replan.actions]) for replan in replans] == [
            (3, ["cancelled"]),
            (2, ["moved"]),
        ]
        assert [replan.version for replan in await queries.replans(ADA, (1, 2), 2)] == [1]

    async def test_a_zone_we_do_not_know_is_an_error_listed_and_the_rest_goes_on(self, desk: Desk) -> None:
        await planned(desk)
        await desk.take(BEFORE, person(version=2, timezone="Mars/Olympus"))
        [latest, _] = await desk.world.at(BEFORE).queries.replans(ADA, None, 5)
        assert "Mars/Olympus" in latest.errors[0]
        assert (await desk.message()).state is State.SCHEDULED

    async def test_offsets_are_stored_with_the_change_and_never_go_back(self, desk: Desk) -> None:
        await desk.take(EVE, person(), offset=7)
        await desk.take(EVE, offset=5)
        stored = await desk.world.at(EVE).replans.stored_offsets("test", [("changes", 0), ("changes", 1)])
        assert stored == {("changes", 0): 7}

    async def test_a_batch_of_many_users_is_taken_in_at_once(self, desk: Desk) -> None:
        users = [person(UUID(int=number), timezone="UTC") for number in range(1, 200)]
        taken = await desk.take(EVE, *users)
        assert len(taken.changes) == 199
        assert (await desk.messages(UUID(int=77)))[0].state is State.SCHEDULED
