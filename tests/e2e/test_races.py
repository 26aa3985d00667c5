"""Callers at the same moment: each ends in one truth."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from e2e.rest import Answer
from e2e.world import USERS, World, eventually, joined, somebody

_CALLERS = 10


def at_once(call: Callable[[int], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(_CALLERS) as pool:
        return list(pool.map(call, range(_CALLERS)))


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def test_ten_creates_of_one_address_make_one_user(world: World) -> None:
    email = somebody()["email"]
    answers = at_once(lambda _: world.api.call("POST", USERS, somebody(email=email)))
    assert statuses(answers) == {200: 1, 409: 9}
    assert len(world.api.ok("GET", USERS, email=email)["users"]) == 1


def test_ten_creates_of_one_request_id_make_one_user(world: World) -> None:
    person, key = somebody(), {"Idempotency-Key": somebody()["email"]}
    answers = at_once(lambda _: world.api.call("POST", USERS, person, headers=key))
    assert statuses(answers) == {200: 10}
    assert len({answer.json["id"] for answer in answers}) == 1


def test_ten_changes_of_one_version_make_one(world: World) -> None:
    user = world.create()
    answers = at_once(lambda number: world.api.call("PATCH", f"{USERS}/{user['id']}", {"lastName": f"Racer{number}", "version": 1}))
    assert statuses(answers) == {200: 1, 409: 9}
    [won] = [answer.json for answer in answers if answer.status == 200]
    assert world.api.ok("GET", f"{USERS}/{user['id']}") == won


def test_ten_moves_end_in_one_plan(world: World) -> None:
    here, there = world.sky.two_ahead("anniversary")
    user = world.create_at(here)
    world.message(user, "SCHEDULED")
    zones = (here.timezone, there.timezone)
    answers = at_once(lambda number: world.api.call("PATCH", f"{USERS}/{user['id']}", {"timezone": zones[number % 2]}))
    assert statuses(answers) == {200: 10}
    final = world.api.ok("GET", f"{USERS}/{user['id']}")
    world.replan(final)
    message = world.message(user, "SCHEDULED")
    assert message["timezone"] == final["timezone"]


def test_deletes_and_restores_end_in_one_plan(world: World) -> None:
    user = world.create_at(world.sky.ahead("anniversary"))
    path = f"{USERS}/{user['id']}"
    answers = at_once(lambda number: world.api.call("POST", f"{path}:restore", {}) if number % 2 else world.api.call("DELETE", path))
    assert statuses(answers) == {200: 10}
    final = world.api.ok("GET", path)
    world.replan(final)
    world.message(user, "CANCELLED" if "deleteTime" in final else "SCHEDULED")


def test_edits_while_it_is_sent_send_it_once(world: World) -> None:
    past = world.sky.past("anniversary")
    user = world.create(timezone=past.timezone)
    changes = [{"anniversary": joined(past.today)}, *({"firstName": f"Xiomara-Edit{number}"} for number in range(1, _CALLERS))]
    answers = at_once(lambda number: world.api.call("PATCH", f"{USERS}/{user['id']}", changes[number]))
    assert statuses(answers) == {200: _CALLERS}
    world.replan(world.api.ok("GET", f"{USERS}/{user['id']}"))
    world.message(user, "SENT")
    eventually(lambda: not world.messages(user, state="QUEUED"), "the end of all sending")
    assert len(world.provider.greetings(user["email"])) == 1


def test_planning_by_hand_beside_changes_makes_one_message(world: World) -> None:
    ahead = world.sky.ahead("anniversary")

    def call(number: int) -> Answer:
        if number % 2:
            return world.api.call("POST", "/api/v1/jobs/plan:run", {})
        return world.api.call("POST", USERS, somebody(timezone=ahead.timezone, anniversary=joined(ahead.today)))

    answers = at_once(call)
    created = [answer.json for answer in answers[::2]]
    assert statuses(answers[1::2]).keys() <= {200, 409}
    for user in created:
        world.message(user, "SCHEDULED")
