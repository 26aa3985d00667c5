from collections.abc import Callable
from typing import Any

from pydantic import SecretStr
from redis.asyncio import Redis

from servicekit.redis import client
from servicekit.settings import RedisSettings
from user_service.adapters.redis import ANNOUNCED_SECONDS, RedisUserCache
from user_service.domain import User

MakeUser = Callable[..., User]


async def test_users_are_kept_for_an_hour_and_announcements_for_minutes(
    redis_cache: RedisUserCache, redis_url: str, new_user: MakeUser
) -> None:
    user, announced = new_user(), new_user()
    await redis_cache.put(user, 1)
    await redis_cache.announce(announced.id, 2)
    async with Redis.from_url(redis_url) as redis:
        assert 3590 <= await redis.ttl(f"user:3:{user.id}") <= 3600
        assert ANNOUNCED_SECONDS - 10 <= await redis.ttl(f"user:3:{announced.id}") <= ANNOUNCED_SECONDS


async def test_rubbish_is_as_good_as_nothing(redis_cache: RedisUserCache, redis_url: str, new_user: MakeUser) -> None:
    user = new_user()
    redis_cache.learn(1)
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"user:3:{user.id}", b"1:1:\xff\xff")
    assert await redis_cache.get(user.id) is None


async def test_users_of_another_incarnation_of_the_store_are_not_given_out(
    redis_cache: RedisUserCache, redis_url: str, new_user: MakeUser
) -> None:
    user = new_user()
    await redis_cache.put(user, 1)
    redis = client(RedisSettings(redis_url=SecretStr(redis_url)))
    restored = RedisUserCache(redis, epoch=4, seconds=3600)
    restored.learn(1)
    assert await restored.get(user.id) is None
    await redis.aclose()


async def test_redis_killed_and_back(redis_server: Any, redis_cache: RedisUserCache, new_user: MakeUser) -> None:
    from backing import server

    user = new_user()
    redis_cache.learn(1)
    await redis_cache.put(user, 1)
    redis_server.process.kill()
    assert await redis_cache.get(user.id) is None
    assert not await redis_cache.announce(user.id, 2)
    server.start(redis_server)
    await redis_cache.put(user, 1)
    assert await redis_cache.get(user.id) == user


async def test_redis_that_hangs_costs_its_time_out_only(redis_server: Any, redis_url: str, new_user: MakeUser) -> None:
    redis = client(RedisSettings(redis_url=SecretStr(redis_url), redis_timeout_milliseconds=50))
    cache = RedisUserCache(redis, epoch=3, seconds=3600)
    cache.learn(1)
    user = new_user()
    await cache.put(user, 1)
    redis_server.process.pause()
    try:
        assert await cache.get(user.id) is None
        assert not await cache.announce(user.id, 2)
    finally:
        redis_server.process.resume()
    await redis.aclose()
