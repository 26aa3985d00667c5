from collections.abc import Callable
from dataclasses import replace

import pytest

from user_service.domain import User
from user_service.ports import UserCache

MakeUser = Callable[..., User]


@pytest.fixture
def cache(any_cache: UserCache) -> UserCache:
    any_cache.learn(1)
    return any_cache


def newer(user: User, by: int = 1) -> User:
    return replace(user, version=user.version + by)


async def test_what_is_put_is_given_out_whole(cache: UserCache, new_user: MakeUser) -> None:
    user = new_user(anniversary="--03-01", leap_day_rule="LEAP_YEARS_ONLY", suppressed_occasions=("birthday",), external_id="hr-7")
    deleted = user.deleted(user.created_at)
    await cache.put(deleted, 1)
    assert await cache.get(user.id) == deleted


async def test_a_stranger_is_not_cached(cache: UserCache, new_user: MakeUser) -> None:
    assert await cache.get(new_user().id) is None


async def test_before_the_first_poll_nothing_is_kept_nor_given_out(any_cache: UserCache, new_user: MakeUser) -> None:
    user = new_user()
    await any_cache.put(user, any_cache.generation)
    assert await any_cache.get(user.id) is None
    any_cache.learn(1)
    assert await any_cache.get(user.id) is None


async def test_a_newer_version_takes_the_place(cache: UserCache, new_user: MakeUser) -> None:
    user = new_user()
    await cache.put(user, 1)
    await cache.put(newer(user), 1)
    assert await cache.get(user.id) == newer(user)


async def test_an_older_version_is_refused(cache: UserCache, new_user: MakeUser) -> None:
    user = new_user()
    await cache.put(newer(user, 9), 1)
    await cache.put(newer(user, 8), 1)
    assert await cache.get(user.id) == newer(user, 9)


async def test_an_announcement_takes_the_version_before_away(cache: UserCache, new_user: MakeUser) -> None:
    user = new_user()
    await cache.put(user, 1)
    assert await cache.announce(user.id, 2)
    assert await cache.get(user.id) is None
    await cache.put(user, 1)
    assert await cache.get(user.id) is None
    await cache.put(newer(user), 1)
    assert await cache.get(user.id) == newer(user)


async def test_an_announcement_counts_before_the_first_poll_too(any_cache: UserCache, new_user: MakeUser) -> None:
    user = new_user()
    assert await any_cache.announce(user.id, 2)
    any_cache.learn(1)
    await any_cache.put(user, 1)
    assert await any_cache.get(user.id) is None


async def test_what_was_read_in_an_earlier_generation_is_not_given_out(cache: UserCache, new_user: MakeUser) -> None:
    user = new_user()
    await cache.put(user, 1)
    cache.learn(2)
    assert await cache.get(user.id) is None
    await cache.put(user, 2)
    assert await cache.get(user.id) == user


async def test_a_generation_never_goes_back(cache: UserCache, new_user: MakeUser) -> None:
    cache.learn(5)
    cache.learn(4)
    assert cache.generation == 5
