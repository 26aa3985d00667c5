from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from servicekit.outbox import Outbox
from servicekit.postgres import create_engine
from servicekit.redis import client
from servicekit.settings import PostgresSettings, RedisSettings
from user_service.adapters.memory import MemoryUserCache, MemoryUserStore
from user_service.adapters.postgres import Events, PostgresUserStore
from user_service.adapters.redis import RedisUserCache
from user_service.ports import UserCache, UserStore


@pytest.fixture
async def engine(database: Callable[..., Any]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(PostgresSettings(database_url=database("users").url), "test")
    yield engine
    await engine.dispose()


@pytest.fixture
def postgres_store(engine: AsyncEngine) -> PostgresUserStore:
    return PostgresUserStore(engine, Events(Outbox(), "user-changed", epoch=3), clock_offset_seconds=0)


@pytest.fixture(params=["memory", "postgres"])
def any_store(request: pytest.FixtureRequest) -> UserStore:
    if request.param == "memory":
        return MemoryUserStore(request.getfixturevalue("clock"))
    store: UserStore = request.getfixturevalue("postgres_store")
    return store


@pytest.fixture
async def redis_cache(redis_url: str) -> AsyncIterator[RedisUserCache]:
    redis = client(RedisSettings(redis_url=redis_url, redis_timeout_milliseconds=500))
    yield RedisUserCache(redis, epoch=3, seconds=3600)
    await redis.aclose()


@pytest.fixture(params=["memory", "redis"])
def any_cache(request: pytest.FixtureRequest) -> UserCache:
    if request.param == "memory":
        return MemoryUserCache()
    cache: UserCache = request.getfixturevalue("redis_cache")
    return cache
