"""Hints of what is sent, in Redis: the outcome under the message's id, for a while."""

from collections.abc import Mapping, Sequence

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
        return {id_: outcome_from(value) for id_, value in zip(ids, values, strict=True) if isinstance(value, bytes)}

    @fail_open(lambda: None)
    async def remember(self, sent: Sequence[Outcome]) -> None:
        if sent:
            await self._remember([_PREFIX + outcome.id for outcome in sent], [self._lifetime_seconds, *map(outcome_bytes, sent)])
