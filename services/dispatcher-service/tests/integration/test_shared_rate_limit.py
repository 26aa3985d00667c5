"""The rate limit that replicas share through Redis, and what each does without it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from dispatcher_service.adapters.rate_limit import LocalAllowance, RateLimit
from dispatcher_service.adapters.redis import RedisAllowance
from servicekit import redis
from servicekit.clock import SystemClock
from servicekit.settings import RedisSettings

CLOCK = SystemClock()


def allowance(client: Redis, calls_per_second: float, own_part: float = 1) -> RedisAllowance:
    return RedisAllowance(client, "dispatcher:rate:test", calls_per_second, LocalAllowance(own_part, CLOCK))


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = redis.client(RedisSettings(redis_url=SecretStr(redis_url), redis_timeout_milliseconds=2000))
    yield client
    await client.aclose()


async def test_a_burst_is_shared_by_all_replicas(client: Redis) -> None:
    replicas = [allowance(client, 100) for _ in range(3)]
    grants = [await replica.reserve(4) for replica in replicas]
    assert [grant.calls for grant in grants[:2]] == [4, 4]
    assert 2 <= grants[2].calls <= 4  # what is left of 10, and what has grown meanwhile


async def test_an_empty_allowance_tells_the_wait(client: Redis) -> None:
    shared = allowance(client, 0.1)
    assert (await shared.reserve(5)).calls == 1
    empty = await shared.reserve(5)
    assert empty.calls == 0
    assert 5 < empty.wait_seconds <= 10


async def test_replicas_together_keep_to_the_limit(client: Redis) -> None:
    limits = [RateLimit(allowance(client, 200), 200, CLOCK) for _ in range(4)]
    end = CLOCK.monotonic() + 1
    taken = 0

    async def call(limit: RateLimit) -> None:
        nonlocal taken
        while await limit.take(end):
            taken += 1

    await asyncio.gather(*(call(limit) for limit in limits for _ in range(5)))
    assert 50 <= taken <= 200 + 20 + 10  # the rate, one burst, and a block that was reserved just before the end


async def test_the_key_does_not_outlive_its_use(client: Redis) -> None:
    await allowance(client, 100).reserve(10)
    assert 0 < await client.pttl("dispatcher:rate:test") <= 1200


async def test_without_redis_each_replica_keeps_to_its_own_part() -> None:
    gone = redis.client(RedisSettings(redis_url=SecretStr("redis://127.0.0.1:1/0")))
    alone = allowance(gone, 1000, own_part=0.1)
    assert [(await alone.reserve(50)).calls for _ in range(2)] == [1, 0]
    await gone.aclose()


async def test_an_emptied_redis_costs_one_burst_and_no_error(client: Redis) -> None:
    shared = allowance(client, 100)
    assert (await shared.reserve(50)).calls == 10
    await client.flushall()
    assert (await shared.reserve(50)).calls == 10
