from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from occasions import registry
from servicekit.outbox import Outbox
from servicekit.postgres import create_engine
from servicekit.redis import client
from servicekit.settings import PostgresSettings, RedisSettings
from servicekit.topics import create
from user_service.adapters.memory import MemoryUserCache, MemoryUserStore
from user_service.adapters.postgres import Events, PostgresUserStore
from user_service.adapters.redis import RedisUserCache
from user_service.domain import User
from user_service.ports import UserCache, UserStore
from user_service.profile import Draft, Profile, check
from user_service.service import UserService

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


class SteppingClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.instant.timestamp()

    def advance(self, **by: float) -> None:
        self.instant += timedelta(**by)


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def ids() -> Iterator[UUID]:
    """Ids in ascending order."""
    return (UUID(int=(7 << 76) | (2 << 62) | number) for number in count(1))


@pytest.fixture
def draft() -> Callable[..., Draft]:
    ada = Draft(first_name="Ada", last_name="Lovelace", email="ada@example.com", timezone="Europe/London", birthday="1990-12-10")
    return lambda **said: replace(ada, **said)


@pytest.fixture
def profile(draft: Callable[..., Draft]) -> Callable[..., Profile]:
    return lambda **said: check(draft(**said), registry.discover(), NOON)


@pytest.fixture
def new_user(ids: Iterator[UUID], profile: Callable[..., Profile]) -> Callable[..., User]:
    """Makes a user at version 1; each has an address of its own unless one is given."""

    def create(**said: object) -> User:
        user_id = next(ids)
        return User.create(user_id, profile(**{"email": f"user-{user_id.int & 0xFFFF}@example.com", **said}), NOON)

    return create


@pytest.fixture
def store(clock: SteppingClock) -> MemoryUserStore:
    return MemoryUserStore(clock)


@pytest.fixture
def cache() -> MemoryUserCache:
    return MemoryUserCache()


@pytest.fixture
async def service(store: MemoryUserStore, cache: MemoryUserCache, clock: SteppingClock, ids: Iterator[UUID]) -> UserService:
    service = UserService(store, cache, clock, registry.discover(), new_id=lambda: next(ids), committed=lambda: None)
    await service.learn_generation()
    return service


@pytest.fixture
def topics(kafka_server: Any) -> None:
    create(kafka_server.bootstrap_servers)


@pytest.fixture
async def engine(database: Callable[..., Any]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(PostgresSettings(database_url=SecretStr(database("users").url)), "test")
    yield engine
    await engine.dispose()


@pytest.fixture
def postgres_store(engine: AsyncEngine) -> PostgresUserStore:
    return PostgresUserStore(engine, Events(Outbox(), "user-changed", epoch=3), clock_offset=timedelta(hours=1))


@pytest.fixture(params=["memory", "postgres"])
def any_store(request: pytest.FixtureRequest) -> UserStore:
    if request.param == "memory":
        return MemoryUserStore(request.getfixturevalue("clock"))
    store: UserStore = request.getfixturevalue("postgres_store")
    return store


@pytest.fixture
async def redis_cache(redis_url: str) -> AsyncIterator[RedisUserCache]:
    redis = client(RedisSettings(redis_url=SecretStr(redis_url), redis_timeout_milliseconds=500))
    yield RedisUserCache(redis, epoch=3, seconds=3600)
    await redis.aclose()


@pytest.fixture(params=["memory", "redis"])
def any_cache(request: pytest.FixtureRequest) -> UserCache:
    if request.param == "memory":
        return MemoryUserCache()
    cache: UserCache = request.getfixturevalue("redis_cache")
    return cache
