"""Without Redis all is right and slower; without Postgres cached users are still served, and the rest fails fast."""

from collections.abc import Iterator
from time import monotonic

import pytest

from e2e.rest import Api
from e2e.world import USERS, World, away, eventually, somebody


def cache_hits(world: World) -> float:
    [user_service] = world.mesh.replicas["user-service"]
    metrics = Api(f"http://{user_service.metrics_address}").call("GET", "/metrics").content.decode()
    return float(metrics.partition('user_cache_reads_total{result="hit"} ')[2].partition("\n")[0] or 0)


@pytest.fixture
def without_redis(world: World) -> Iterator[None]:
    with away(world.mesh.redis):
        yield


@pytest.fixture
def without_postgres(world: World) -> Iterator[None]:
    yield
    inside = Api(world.mesh.internal_url)
    eventually(lambda: inside.call("GET", "/health/detailed").status == 200, "the services to be ready again", seconds=60)


def seconds_to_refuse(world: World, method: str, path: str, body: object) -> float:
    """How long it takes to be told that the service is unavailable, in words that tell nothing else."""
    began = monotonic()
    answer = world.api.call(method, path, body)
    assert (answer.status, answer.json["code"]) == (503, 14), f"{method} {path}: {answer.content!r}"
    assert answer.headers["retry-after"]
    internal = ("postgres", "sql", "connection", "127.0.0.1", "rpc error", "retries")
    assert not any(word in answer.content.decode().lower() for word in internal)
    return monotonic() - began


def test_reads_come_from_the_cache_and_are_counted(world: World) -> None:
    user = world.create()
    before = cache_hits(world)
    for _ in range(5):
        assert world.api.ok("GET", f"{USERS}/{user['id']}") == user
    changed = world.patch(user, locale="nb")
    assert world.api.ok("GET", f"{USERS}/{user['id']}") == changed
    assert cache_hits(world) - before >= 6


def test_users_are_kept_and_read_without_redis(world: World, without_redis: None) -> None:
    user = world.create()
    path = f"{USERS}/{user['id']}"
    assert world.api.ok("GET", path) == user
    changed = world.patch(user, locale="nb")
    assert world.api.ok("GET", path) == changed


def test_a_greeting_is_sent_once_without_redis(world: World, without_redis: None) -> None:
    user = world.create_at(world.sky.past("anniversary"))
    world.message(user, "SENT")
    assert len(world.provider.greetings(user["email"])) == 1


def test_what_was_cached_before_redis_was_away_is_not_believed_after(world: World) -> None:
    user = world.create()
    path = f"{USERS}/{user['id']}"
    world.mesh.redis.process.pause()  # It keeps its memory, with the version of now in it.
    try:
        changed = world.patch(user, locale="nb")
        assert world.api.ok("GET", path) == changed
    finally:
        world.mesh.redis.process.resume()
    assert world.api.ok("GET", path) == changed


def test_without_postgres_cached_users_are_served_and_the_rest_fails_fast(world: World, without_postgres: None) -> None:
    cached = world.create()
    with away(world.mesh.postgres):
        assert world.api.ok("GET", f"{USERS}/{cached['id']}") == cached
        for method, path, body in (
            ("POST", USERS, somebody()),
            ("PATCH", f"{USERS}/{cached['id']}", {"locale": "nb"}),
            ("GET", USERS, None),
            ("GET", "/api/v1/messages", None),
            ("GET", "/api/v1/deliveries", None),
        ):
            assert seconds_to_refuse(world, method, path, body) < 8


def test_while_postgres_hangs_cached_users_are_served_and_the_rest_fails_fast(world: World, without_postgres: None) -> None:
    cached = world.create()
    calls = (("POST", USERS, somebody()), ("GET", "/api/v1/messages", None), ("GET", "/api/v1/deliveries", None))
    world.mesh.postgres.process.pause()
    try:
        # Each replica finds out by the first call it gets, and within its time.
        eventually(
            lambda: max(seconds_to_refuse(world, *call) for call in calls * 2) < 4, "each replica to know that Postgres hangs", seconds=60
        )
        assert world.api.ok("GET", f"{USERS}/{cached['id']}") == cached
    finally:
        world.mesh.postgres.process.resume()


def test_after_postgres_is_back_greetings_go_out(world: World) -> None:
    user = world.create_at(world.sky.past("anniversary"))
    world.message(user, "SENT", seconds=60)
    assert len(world.provider.greetings(user["email"])) == 1
