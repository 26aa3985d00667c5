"""Redis as a giver of hints: short time-outs, and a default when it does not answer."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from servicekit.clock import monotonic
from servicekit.settings import RedisSettings

P = ParamSpec("P")
T = TypeVar("T")

LOG_EVERY_SECONDS = 60
FAILURES = Counter("redis_failures_total", "Calls to Redis that failed and were answered by a default.", ["operation"])

_log = structlog.get_logger()


def client(settings: RedisSettings) -> Redis:
    """A client with bounded time-outs and connections. Connects when first used."""
    seconds = settings.redis_timeout_milliseconds / 1000
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        max_connections=settings.redis_max_connections,
        # One more try at once, for a connection that the server has closed meanwhile; more would only add delay to a hint.
        retry=Retry(NoBackoff(), 1),
    )


async def ping(client: Redis) -> None:
    """One round trip; raises RedisError. For `runtime.probe`."""
    await client.execute_command("PING")  # type: ignore[no-untyped-call] # `client.ping` is typed, but as either an answer or an awaitable


def fail_open(default: Callable[[], T]) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """Decorate a coroutine function so that any RedisError or time-out is counted, logged once a minute, and answered by `default()`."""

    def decorate(operation: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        name = operation.__qualname__
        failures = FAILURES.labels(name)
        logged_at = -float(LOG_EVERY_SECONDS)

        @wraps(operation)
        async def with_default(*args: P.args, **kwargs: P.kwargs) -> T:
            nonlocal logged_at
            try:
                return await operation(*args, **kwargs)
            except (RedisError, OSError, TimeoutError) as error:
                failures.inc()
                if monotonic() - logged_at >= LOG_EVERY_SECONDS:
                    logged_at = monotonic()
                    _log.warning("redis.failed_open", operation=name, error=type(error).__name__)
                return default()

        return with_default

    return decorate
