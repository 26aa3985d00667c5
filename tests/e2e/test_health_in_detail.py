"""The page for operators: every service with what it depends on, as it is and as it is while something is away."""

from collections.abc import Iterator
from typing import Any

import pytest

from backing import server
from e2e.rest import Answer, Api
from e2e.world import World, away, eventually

_DEPENDENCIES = {
    "user-service": {"kafka", "postgres", "redis"},
    "scheduler-service": {"kafka", "postgres"},
    "notifier-service": {"dispatcher-service", "kafka", "postgres", "redis"},
    "dispatcher-service": set(),
}
_GROUPS = {
    "scheduler-service": ["scheduler.message-outcome", "scheduler.user-changed"],
    "notifier-service": ["notifier.cancelled", "notifier.due"],
}
_PARTITIONS = 60


@pytest.fixture(scope="module")
def inside(world: World) -> Api:
    return Api(world.mesh.internal_url)


@pytest.fixture
def cautious_dispatcher(world: World, inside: Api) -> Iterator[None]:
    """The dispatcher makes no more calls after two failures."""
    [dispatcher] = world.mesh.replicas["dispatcher-service"]
    usual = dispatcher.process.environment
    dispatcher.process.environment = {**usual, "BREAKER_FAILURES": "2", "BREAKER_OPEN_SECONDS": "10"}
    server.restart(dispatcher)
    all_is_well(inside)
    yield
    dispatcher.process.environment = usual
    server.restart(dispatcher)
    all_is_well(inside)


def page(inside: Api) -> Answer:
    return inside.call("GET", "/health/detailed")


def process(answer: Answer, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in answer.json["services"] if each["name"] == name)["process"]
    return found


def dependency(answer: Answer, service: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in process(answer, service)["dependencies"] if each["name"] == name)
    return found


def all_is_well(inside: Api) -> Answer:
    return eventually(lambda: well if (well := page(inside)).json["status"] == "SERVING" else None, "all to be well", seconds=60)


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_every_part_is_shown_with_latency_and_memory(inside: Api) -> None:
    answer = all_is_well(inside)
    assert answer.status == 200
    assert {each["name"]: {part["name"] for part in each["process"]["dependencies"]} for each in answer.json["services"]} == _DEPENDENCIES
    for service in answer.json["services"]:
        shown = service["process"]
        assert (service["state"], shown["state"], shown["instance"]) == ("SERVING", "SERVING", f"{service['name']}-1")
        assert int(shown["residentMemoryBytes"]) > 10 << 20
        assert seconds(service["latency"]) > 0
        assert seconds(shown["uptime"]) > 0
        for part in shown["dependencies"]:
            assert (part["state"], part["required"], part["reason"]) == ("UP", part["name"] == "postgres", "")
            assert seconds(part["latency"]) > 0
            assert part["lookTime"] > "2026"


def test_topics_consumers_and_breakers_are_shown(inside: Api) -> None:
    def groups(answer: Answer) -> dict[str, list[str]]:
        return {
            name: [each["group"] for each in process(answer, name)["consumers"] if each["assignedPartitionCount"] == _PARTITIONS]
            for name in _GROUPS
        }

    answer = eventually(lambda: seen if groups(seen := page(inside)) == _GROUPS else None, "all partitions to be assigned")
    for name, count in {"user-service": 1, "scheduler-service": 5, "notifier-service": 5}.items():
        topics = process(answer, name)["topics"]
        assert [(each["partitionCount"], each["declaredPartitionCount"]) for each in topics] == [(_PARTITIONS, _PARTITIONS)] * count
    [breaker] = process(answer, "dispatcher-service")["breakers"]
    assert breaker["state"] == "CLOSED"


def test_without_redis_it_is_shown_down_while_everything_serves(world: World, inside: Api) -> None:
    with away(world.mesh.redis):
        answer = eventually(
            lambda: (
                seen
                if all(dependency(seen := page(inside), name, "redis")["state"] == "DOWN" for name in ("user-service", "notifier-service"))
                else None
            ),
            "Redis to be seen down",
        )
        assert (answer.status, answer.json["status"]) == (200, "DEGRADED")
        assert {each["state"] for each in answer.json["services"]} == {"SERVING"}
        assert dependency(answer, "user-service", "redis")["reason"]
        assert world.api.call("GET", "/health/ready").status == 200
    all_is_well(inside)


def test_without_the_dispatcher_the_gateway_stays_ready(world: World, inside: Api) -> None:
    [dispatcher] = world.mesh.replicas["dispatcher-service"]
    with away(dispatcher):
        answer = eventually(
            lambda: seen if dependency(seen := page(inside), "notifier-service", "dispatcher-service")["state"] == "DOWN" else None,
            "the dispatcher to be seen down",
        )
        states = {each["name"]: each["state"] for each in answer.json["services"]}
        assert states == {name: "UNREACHABLE" if name == "dispatcher-service" else "SERVING" for name in _DEPENDENCIES}
        assert (answer.status, answer.json["status"]) == (503, "DEGRADED")
        assert world.api.call("GET", "/health/ready").status == 200
    all_is_well(inside)


def test_an_open_breaker_is_shown(world: World, inside: Api, cautious_dispatcher: None) -> None:
    with world.provider.behaving(failure_share=1.0, failure_codes=[503]):
        user = world.create_at(world.sky.past("anniversary"))
        opened = eventually(
            lambda: seen if process(seen := page(inside), "dispatcher-service")["breakers"][0]["state"] == "OPEN" else None,
            "the breaker to open",
        )
    assert (opened.status, opened.json["status"]) == (200, "DEGRADED")
    world.message(user, "SENT", seconds=60)
    all_is_well(inside)


def test_the_page_names_no_secret_and_nobody(world: World, inside: Api) -> None:
    content = page(inside).content.decode()
    assert not any(text in content for text in ("postgresql://", "redis://", "password", "@", *world.api.personal))


def test_it_is_not_there_outside(world: World) -> None:
    assert world.api.call("GET", "/health/detailed").status == 404
