"""Redis as a giver of hints: short time-outs, and a default when it does not answer."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from redis.asyncio import Redis

from servicekit.settings import RedisSettings

P = ParamSpec("P")
T = TypeVar("T")


def client(settings: RedisSettings) -> Redis:
    """A client with bounded time-outs and connections. Connects when first used."""
    raise NotImplementedError


def fail_open(default: Callable[[], T]) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Decorate a coroutine function so that any RedisError or time-out is counted, logged once a minute, and answered by `default()`."""
    raise NotImplementedError
