"""What the provider does wrong, and what becomes of the greeting: retried, given up, or left to a person."""

from typing import Any

import pytest

from e2e.world import Message, User, World, eventually


def late(world: World) -> User:
    return world.create_at(world.sky.past("anniversary"))


def tried(world: World, user: User) -> Message:
    """The user's message, once an attempt has failed."""
    return eventually(lambda: next((each for each in world.messages(user) if each["attemptCount"]), None), "a failed attempt")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pytest.param({"failure_share": 1.0, "failure_codes": [503]}, "http_503", id="503"),
        pytest.param({"failure_share": 1.0, "failure_codes": [500]}, "http_500", id="500 by the provider's settings"),
        pytest.param({"throttle_share": 1.0}, "http_429", id="429"),
        pytest.param({"unsuccessful_share": 1.0}, "success_false", id="no success"),
    ],
)
def test_a_refusal_is_retried(world: World, behaviour: dict[str, Any], reason: str) -> None:
    with world.provider.behaving(**behaviour):
        user = late(world)
        message = tried(world, user)
        assert message["state"] in ("RETRYING", "QUEUED")
        assert not message["unsure"]
    sent = world.message(user, "SENT", seconds=60)
    assert sent["attemptCount"] > 1
    attempts = world.delivery(sent)["attempts"]
    assert (attempts[0]["result"], attempts[0]["reason"], attempts[0]["number"]) == ("REFUSED", reason, 1)
    assert attempts[-1]["result"] == "ACCEPTED"
    [letter] = world.provider.letters(user["email"])
    assert (letter["greetings"], letter["key"]) == (1, sent["id"])


@pytest.mark.parametrize("behaviour", [{"drop_share": 1.0}, {"rubbish_share": 1.0}, {"failure_share": 1.0, "failure_codes": [502]}])
def test_a_lost_answer_is_asked_for_again_under_the_same_key(world: World, behaviour: dict[str, Any]) -> None:
    with world.provider.behaving(**behaviour):
        user = late(world)
        assert tried(world, user)["unsure"]
    sent = world.message(user, "SENT", seconds=60)
    assert world.delivery(sent)["attempts"][0]["result"] == "UNSURE"
    [letter] = world.provider.letters(user["email"])
    assert (letter["greetings"], letter["key"]) == (1, sent["id"])


def test_what_may_be_sent_is_not_sent_to_a_new_address(world: World) -> None:
    with world.provider.behaving(drop_share=1.0):
        user = late(world)
        tried(world, user)
        changed = world.patch(user, email=f"new.{user['email']}")
        message = world.message(user, "UNCERTAIN", seconds=60)
    assert world.delivery(message)["state"] == "UNCERTAIN"
    assert len(world.provider.greetings(user["email"])) == 1
    assert world.provider.letters(changed["email"]) == []


def test_a_refusal_for_good_is_a_dead_letter_at_once(world: World) -> None:
    with world.provider.behaving(failure_share=1.0, failure_codes=[422]):
        user = late(world)
        message = world.message(user, "FAILED")
    letter = world.api.ok("GET", f"/api/v1/deadLetters/{message['id']}")
    assert (letter["reason"], letter["attemptCount"], letter["userId"], letter["unsure"]) == ("http_422", 1, user["id"], False)
    assert world.api.ok("GET", "/api/v1/deadLetters", userId=user["id"], reason="http_422")["deadLetters"] == [letter]
    assert world.api.ok("GET", "/api/v1/deadLetters", userId=user["id"], reason="http_503")["deadLetters"] == []
    assert world.delivery(message)["state"] == "FAILED"
    assert [seen["calls"] for seen in world.provider.letters(user["email"])] == [1]


def test_a_dead_letter_holds_no_personal_data(world: World) -> None:
    with world.provider.behaving(failure_share=1.0, failure_codes=[400]):
        user = late(world)
        message = world.message(user, "FAILED")
    content = world.api.call("GET", f"/api/v1/deadLetters/{message['id']}").content.decode()
    assert not any(user[field] in content for field in ("email", "firstName", "lastName", "anniversary"))


def test_after_the_last_attempt_it_is_a_dead_letter(world: World) -> None:
    with world.provider.behaving(failure_share=1.0, failure_codes=[503]):
        user = late(world)
        message = world.message(user, "FAILED", seconds=60)
    letter = world.api.ok("GET", f"/api/v1/deadLetters/{message['id']}")
    assert (letter["reason"], letter["attemptCount"]) == ("http_503", 4)
    assert [attempt["callCount"] for attempt in world.delivery(message)["attempts"]] == [3, 3, 3, 3]
    assert world.provider.greetings(user["email"]) == []


def test_dead_letters_are_listed_page_by_page_the_latest_first(world: World) -> None:
    letters = list(world.api.all("/api/v1/deadLetters", "deadLetters", pageSize=1))
    assert len({letter["id"] for letter in letters}) == len(letters)
    times = [letter["createTime"] for letter in letters]
    assert times == sorted(times, reverse=True)


def test_one_bad_letter_delays_nobody(world: World) -> None:
    with world.provider.behaving(failure_share=1.0, failure_codes=[422]):
        world.message(late(world), "FAILED")
    assert world.message(late(world), "SENT")["attemptCount"] == 1
