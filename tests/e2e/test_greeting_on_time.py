"""Greetings that were planned at the start of the suite and came due meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from e2e.punctual import Appointment
from e2e.world import Message, User, World, eventually

_ON_TIME = timedelta(seconds=60)


@pytest.fixture(scope="module")
def greeted(world: World, appointment: Appointment) -> list[tuple[User, Message]]:
    wait = max(0.0, (appointment.due_at - datetime.now(UTC)).total_seconds())
    eventually(lambda: datetime.now(UTC) >= appointment.due_at, "the appointment", seconds=wait + 5)
    return [(user, world.message(user, "SENT")) for user in appointment.invited]


def test_everybody_is_greeted_at_their_time(greeted: list[tuple[User, Message]], appointment: Appointment) -> None:
    for user, message in greeted:
        assert datetime.fromisoformat(message["dueTime"]) == appointment.due_at, user["timezone"]
        assert appointment.due_at <= datetime.fromisoformat(message["sentTime"]) <= appointment.due_at + _ON_TIME
        assert message["latenessSeconds"] < _ON_TIME.total_seconds()


def test_the_provider_got_each_once_and_none_early(world: World, greeted: list[tuple[User, Message]], appointment: Appointment) -> None:
    for user, message in greeted:
        [letter] = world.provider.letters(user["email"])
        assert (letter["key"], letter["greetings"]) == (message["id"], 1)
        assert letter["accepted_at"][0] >= appointment.due_at.timestamp()
        assert letter["message"] == f"Hey, {user['firstName']} {user['lastName']} it's your birthday"


def test_their_messages_are_found_by_date_kind_and_state(world: World, greeted: list[tuple[User, Message]]) -> None:
    for user, message in greeted:
        filters = {"localDate": message["localDate"], "kind": "birthday", "state": "SENT"}
        assert world.messages(user, **filters) == [message]
        assert world.messages(user, state="QUEUED") == []
        assert world.api.ok("GET", f"/api/v1/messages/{message['id']}") == message


def test_nobody_was_greeted_twice_in_the_whole_run(world: World, greeted: list[tuple[User, Message]]) -> None:
    assert world.provider.doubled() == 0
