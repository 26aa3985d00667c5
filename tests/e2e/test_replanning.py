"""What a change of a user does to the greeting of the day: each change in each state of the message, through REST and the whole mesh."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from backing import server
from backing.server import Server
from e2e.world import Message, User, World, born, eventually, joined

KIND = "anniversary"


def actions(world: World, user: User) -> list[tuple[str, str]]:
    return [(action["action"], action["reason"]) for action in world.replan(user)["actions"]]


def instant(text: str) -> str:
    return text.replace("Z", "+00:00")


def test_a_zone_whose_time_is_ahead_moves_the_greeting(world: World) -> None:
    here, there = world.sky.two_ahead(KIND)
    user = world.create_at(here)
    planned = world.message(user, "SCHEDULED")
    assert instant(planned["dueTime"]) == here.due_at.isoformat()
    user = world.patch(user, timezone=there.timezone)
    moved = world.message(user, "SCHEDULED", timezone=there.timezone, revision=2)
    assert (moved["id"], instant(moved["dueTime"])) == (planned["id"], there.due_at.isoformat())
    assert actions(world, user) == [("moved", "zone_moved")]


def test_a_zone_whose_time_is_past_sends_it_now_as_late(world: World) -> None:
    ahead, past = world.sky.both_on_one_date(KIND)
    user = world.create_at(ahead)
    world.message(user, "SCHEDULED")
    user = world.patch(user, timezone=past.timezone)
    sent = world.message(user, "SENT")
    assert (sent["variant"], sent["latenessSeconds"] > 0, sent["timezone"]) == ("on_the_day", True, past.timezone)
    assert len(world.provider.greetings(user["email"])) == 1


def test_a_zone_where_the_day_is_over_sends_it_belated(world: World) -> None:
    ahead, over = world.sky.ahead_and_over(KIND)
    user = world.create_at(ahead)
    world.message(user, "SCHEDULED")
    user = world.patch(user, timezone=over.timezone)
    sent = world.message(user, "SENT")
    assert (sent["variant"], sent["localDate"]) == ("belated", ahead.today.isoformat())
    [text] = world.provider.greetings(user["email"])
    assert "happy belated work anniversary" in text


def test_a_greeting_on_its_way_when_the_zone_moves_shows_by_what_it_was_sent(world: World) -> None:
    ahead, past = world.sky.both_on_one_date(KIND)
    with world.provider.behaving(slow_share=1.0, slow_seconds=2.0):
        user = world.create_at(past)
        eventually(lambda: world.provider.letters(user["email"]), "the call at the provider")
        moved = world.patch(user, timezone=ahead.timezone)
        assert actions(world, moved) == [("moved", "zone_moved")]
    sent = world.message(user, "SENT")
    assert (sent["timezone"], instant(sent["dueTime"])) == (past.timezone, past.due_at.isoformat())
    late = datetime.fromisoformat(instant(sent["sentTime"])) - past.due_at
    assert sent["latenessSeconds"] == pytest.approx(late.total_seconds())
    assert late > timedelta(0)


def test_a_new_name_and_address_go_out(world: World) -> None:
    ahead, past = world.sky.both_on_one_date(KIND)
    user = world.create_at(ahead)
    world.message(user, "SCHEDULED")
    changed = world.patch(user, firstName="Xiomara-Renata", email=f"new.{user['email']}", locale="de")
    assert actions(world, changed) == [("kept", "")]
    world.patch(user, timezone=past.timezone)
    world.message(user, "SENT")
    assert world.provider.letters(user["email"]) == []
    [text] = world.provider.greetings(changed["email"])
    assert f"Xiomara-Renata {user['lastName']}" in text
    assert "it's your" not in text


def test_another_year_of_birth_changes_the_years_that_are_told(world: World) -> None:
    ahead, past = world.sky.both_on_one_date(KIND)
    user = world.create_at(ahead)
    world.message(user, "SCHEDULED")
    world.patch(user, anniversary=f"2004{joined(ahead.today)[4:]}")
    world.patch(user, timezone=past.timezone)
    world.message(user, "SENT")
    [text] = world.provider.greetings(user["email"])
    assert f"{ahead.today.year - 2004} years with us!" in text


def test_who_was_greeted_is_not_greeted_again_this_year(world: World) -> None:
    ahead, past = world.sky.both_on_one_date(KIND)
    user = world.create_at(past)
    sent = world.message(user, "SENT")
    moved = world.patch(user, timezone=ahead.timezone)
    assert actions(world, moved) == [("kept", "sent")]
    assert world.messages(user) == [sent]
    tomorrow = ahead.today + timedelta(days=1)
    redated = world.patch(user, anniversary=joined(tomorrow))
    assert ("suppressed", "already_greeted") in actions(world, redated)
    states = {message["localDate"]: message["state"] for message in world.messages(user)}
    assert states == {past.today.isoformat(): "SENT", tomorrow.isoformat(): "SUPPRESSED"}
    assert len(world.provider.greetings(user["email"])) == 1


def test_a_date_moved_away_cancels_today_and_plans_the_new_day(world: World) -> None:
    ahead = world.sky.ahead(KIND)
    user = world.create_at(ahead)
    world.message(user, "SCHEDULED")
    tomorrow = ahead.today + timedelta(days=1)
    redated = world.patch(user, anniversary=joined(tomorrow))
    assert sorted(actions(world, redated)) == [("cancelled", "date_moved"), ("planned", "")]
    messages = {message["localDate"]: message for message in world.messages(user)}
    assert messages[ahead.today.isoformat()]["state"] == "CANCELLED"
    assert messages[tomorrow.isoformat()]["state"] == "SCHEDULED"


def test_a_date_taken_away_cancels(world: World) -> None:
    user = world.create_at(world.sky.ahead(KIND))
    world.message(user, "SCHEDULED")
    world.patch(user, anniversary="")
    world.message(user, "CANCELLED", reason="date_removed")


def test_a_date_given_on_its_day_is_planned_for_today(world: World) -> None:
    ahead = world.sky.ahead(KIND)
    user = world.create(timezone=ahead.timezone)
    user = world.patch(user, anniversary=joined(ahead.today))
    assert actions(world, user) == [("planned", "")]
    assert instant(world.message(user, "SCHEDULED")["dueTime"]) == ahead.due_at.isoformat()


def test_a_date_given_on_its_day_after_the_time_is_sent_now(world: World) -> None:
    past = world.sky.past(KIND)
    user = world.create(timezone=past.timezone)
    user = world.patch(user, anniversary=joined(past.today))
    assert world.message(user, "SENT")["variant"] == "on_the_day"


def test_a_date_known_after_its_time_waits_a_year_where_the_setting_says_so(world: World) -> None:
    user = world.create_at(world.sky.past("birthday"), "birthday")
    world.message(user, "SUPPRESSED", reason="known_too_late")
    assert world.provider.letters(user["email"]) == []


def test_a_day_that_was_over_is_told_to_have_become_known_too_late(world: World) -> None:
    past = world.sky.past(KIND)
    user = world.create(timezone=past.timezone, anniversary=joined(past.today - timedelta(days=1)))
    assert actions(world, user) == [("suppressed", "known_too_late")]
    world.message(user, "SUPPRESSED", reason="known_too_late")


def test_the_day_that_somebody_joined_is_told_to_be_no_anniversary(world: World) -> None:
    past = world.sky.past(KIND)
    user = world.create(timezone=past.timezone, anniversary=past.today.isoformat())
    assert actions(world, user) == [("suppressed", "year_zero")]
    world.message(user, "SUPPRESSED", reason="year_zero")


def test_both_kinds_on_one_day_are_two_messages(world: World) -> None:
    ahead = world.sky.ahead(KIND)
    user = world.create_at(ahead, birthday=born(ahead.today))
    messages = eventually(lambda: found if len(found := world.messages(user)) == 2 else None, "two messages")
    assert {message["kind"] for message in messages} == {"birthday", "anniversary"}
    assert {message["localDate"] for message in messages} == {ahead.today.isoformat()}


@pytest.mark.parametrize("kinds", [["anniversary"], ["anniversary", "birthday"]])
def test_who_opts_out_is_not_greeted(world: World, kinds: list[str]) -> None:
    user = world.create_at(world.sky.ahead(KIND))
    world.message(user, "SCHEDULED")
    user = world.patch(user, suppressedOccasions=kinds)
    world.message(user, "SUPPRESSED", reason="opted_out")
    assert actions(world, user) == [("suppressed", "opted_out")]
    world.patch(user, suppressedOccasions=[])
    world.message(user, "SCHEDULED", reason="")


def test_who_is_deleted_is_not_greeted_and_who_is_restored_is(world: World) -> None:
    user = world.create_at(world.sky.ahead(KIND))
    planned = world.message(user, "SCHEDULED")
    deleted = world.delete(user)
    world.message(user, "CANCELLED", reason="user_deleted")
    assert actions(world, deleted) == [("cancelled", "user_deleted")]
    restored = world.restore(user)
    assert actions(world, restored) == [("planned", "restored")]
    again = world.message(user, "SCHEDULED", reason="")
    assert (again["id"], again["dueTime"]) == (planned["id"], planned["dueTime"])


def test_who_was_greeted_deleted_and_restored_is_not_greeted_again(world: World) -> None:
    user = world.create_at(world.sky.past(KIND))
    world.message(user, "SENT")
    world.delete(user)
    assert world.replan(world.restore(user))["rescheduledCount"] == 0
    world.message(user, "SENT")
    assert len(world.provider.greetings(user["email"])) == 1


def test_the_entries_count_what_was_done_the_latest_first(world: World) -> None:
    here, there = world.sky.two_ahead(KIND)
    user = world.create_at(here)
    world.patch(user, timezone=there.timezone)
    world.replan(world.delete(user))
    entries = world.api.ok("GET", f"/api/v1/users/{user['id']}/replans")["replans"]
    counts = [
        (entry["version"], entry["rescheduledCount"], entry["cancelledCount"], entry["keptCount"], entry["errors"]) for entry in entries
    ]
    assert counts == [(3, 0, 1, 0, []), (2, 1, 0, 0, []), (1, 1, 0, 0, [])]
    paged = list(world.api.all(f"/api/v1/users/{user['id']}/replans", "replans", pageSize=1))
    assert paged == entries


class TestInKafka:
    """The message is QUEUED, and nobody sends: the dispatcher is down until a test starts it."""

    @pytest.fixture(autouse=True)
    def dispatcher(self, world: World) -> Iterator[Server]:
        [dispatcher] = world.mesh.replicas["dispatcher-service"]
        dispatcher.process.stop()
        yield dispatcher
        server.start(dispatcher)

    @pytest.fixture
    def queued(self, world: World, dispatcher: Server) -> User:
        user = world.create_at(world.sky.past(KIND))
        world.message(user, "QUEUED")
        return user

    def test_a_greeting_waits_for_the_dispatcher(self, world: World, queued: User, dispatcher: Server) -> None:
        server.start(dispatcher)
        world.message(queued, "SENT", seconds=60)
        assert len(world.provider.greetings(queued["email"])) == 1

    def test_it_is_called_back_from_who_is_deleted(self, world: World, queued: User, dispatcher: Server) -> None:
        world.delete(queued)
        assert_withdrawn(world, world.message(queued, "CANCELLED", reason="user_deleted"))
        assert_not_sent_any_more(world, queued, dispatcher)

    def test_it_is_called_back_from_who_opts_out(self, world: World, queued: User, dispatcher: Server) -> None:
        world.patch(queued, suppressedOccasions=[KIND])
        assert_withdrawn(world, world.message(queued, "SUPPRESSED", reason="opted_out"))
        assert_not_sent_any_more(world, queued, dispatcher)

    def test_it_is_called_back_where_its_time_is_ahead(self, world: World, dispatcher: Server) -> None:
        ahead, past = world.sky.both_on_one_date(KIND)
        user = world.create_at(past)
        world.message(user, "QUEUED")
        world.patch(user, timezone=ahead.timezone)
        assert_withdrawn(world, world.message(user, "SCHEDULED", timezone=ahead.timezone))
        assert_not_sent_any_more(world, user, dispatcher)

    def test_it_goes_to_the_new_address_only(self, world: World, queued: User, dispatcher: Server) -> None:
        changed = world.patch(queued, email=f"new.{queued['email']}")
        assert actions(world, changed) == [("recalled", "content_changed")]
        [message] = world.messages(queued)
        # A claim that is alive when the dispatcher comes back is faster than the recall, and rightly sent: wait until it has been given up.
        eventually(lambda: world.delivery(message)["revision"] == message["revision"], "the new revision at the ledger", seconds=60)
        server.start(dispatcher)
        world.message(queued, "SENT", seconds=60)
        assert world.provider.letters(queued["email"]) == []
        assert len(world.provider.greetings(changed["email"])) == 1


def assert_withdrawn(world: World, message: Message) -> None:
    eventually(lambda: world.delivery(message)["state"] == "CANCELLED", "the ledger's cancellation")


def assert_not_sent_any_more(world: World, user: User, dispatcher: Server) -> None:
    """Others, who come later, are served; this one was not."""
    server.start(dispatcher)
    world.message(world.create_at(world.sky.past(KIND)), "SENT", seconds=60)
    assert world.provider.letters(user["email"]) == []
