"""Hints of what is sent, in Redis: the outcome under the message's id, for a while."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from redis.asyncio import Redis

from notifier_service.domain import Outcome
from notifier_service.wire import outcome_bytes, outcome_from
from servicekit.redis import fail_open

# The braces put all keys into one slot of a cluster, so that one call may name many.
_PREFIX = b"{notifier:sent}:"

_REMEMBER = """
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[1]) end
"""


def _nothing() -> Mapping[bytes, Outcome]:
    return {}


def _outcome(value: Any) -> Outcome | None:
    """None for no value, or one that another version wrote in its own way."""
    try:
        return outcome_from(value) if value else None
    except (DecodeError, ValueError):
        return None


class RedisSentHints:
    """The SentHints port: one call for a batch, whatever its size."""

    def __init__(self, redis: Redis, lifetime_seconds: int) -> None:
        self._redis = redis
        self._lifetime_seconds = lifetime_seconds
        self._remember = redis.register_script(_REMEMBER)

    @fail_open(_nothing)
    async def look(self, ids: Sequence[bytes]) -> Mapping[bytes, Outcome]:
        if not ids:
            return {}
        values = await self._redis.mget([_PREFIX + id_ for id_ in ids])
        return {id_: outcome for id_, value in zip(ids, values, strict=True) if (outcome := _outcome(value)) is not None}

    @fail_open(lambda: None)
    async def remember(self, sent: Sequence[Outcome]) -> None:
        if sent:
            await self._remember([_PREFIX + outcome.id for outcome in sent], [self._lifetime_seconds, *map(outcome_bytes, sent)])
