import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis
from redis.exceptions import RedisError

from servicekit.redis import client, fail_open, ping
from servicekit.settings import RedisSettings


@fail_open(set[str])
async def known(redis: Redis) -> set[str]:
    value = await redis.get("key")
    assert isinstance(value, bytes)
    return {value.decode()}


def _failures() -> float:
    return REGISTRY.get_sample_value("redis_failures_total", {"operation": "known"}) or 0


async def test_an_answer_is_given_as_it_is(redis_url: str) -> None:
    redis = client(RedisSettings.model_validate({"redis_url": redis_url}))
    await redis.set("key", "value")
    before = _failures()
    assert await known(redis) == {"value"}
    assert _failures() == before
    await redis.aclose()


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "redis://192.0.2.1:6379/0"])
async def test_a_server_that_is_away_or_silent_is_answered_by_the_default_soon(address: str) -> None:
    redis = client(RedisSettings.model_validate({"redis_url": address, "redis_timeout_milliseconds": 50}))
    before = _failures()
    assert await known(redis) == set()
    assert _failures() - before == 1
    await redis.aclose()


async def test_defects_are_not_hidden(redis_url: str) -> None:
    redis = client(RedisSettings.model_validate({"redis_url": redis_url}))
    with pytest.raises(AssertionError):
        await known(redis)
    await redis.aclose()


async def test_a_ping_tells_whether_there_is_a_server(redis_url: str) -> None:
    redis = client(RedisSettings.model_validate({"redis_url": redis_url}))
    await ping(redis)
    await redis.aclose()
    nobody = client(RedisSettings.model_validate({"redis_url": "redis://127.0.0.1:1/0"}))
    with pytest.raises(RedisError):
        await ping(nobody)
    await nobody.aclose()
