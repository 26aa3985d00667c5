"""The cache of users in Redis: a string per user, "VERSION:GENERATION:SNAPSHOT"; without a snapshot it is an announcement."""

from uuid import UUID

from google.protobuf.message import DecodeError
from redis.asyncio import Redis

from heyday.user.v1.user_changed_pb2 import UserChanged
from servicekit.redis import fail_open
from user_service import metrics, wire
from user_service.domain import User

# Longer than any read of the store may take, so that no reader fills in, after it, what was read before the announcement.
ANNOUNCED_SECONDS = 120

_KEEP_NEWEST = """
local kept = redis.call('GET', KEYS[1])
if kept and tonumber(string.match(kept, '^%d+')) > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2] .. ':' .. ARGV[3], 'EX', ARGV[4])
return 1
"""


def _nobody() -> User | None:
    return None


class RedisUserCache:
    """A UserCache. `epoch` is part of each key: a store brought back to an earlier time gives versions again."""

    def __init__(self, redis: Redis, *, epoch: int, seconds: int) -> None:
        self._redis = redis
        self._epoch = epoch
        self._seconds = seconds
        self._keep_newest = redis.register_script(_KEEP_NEWEST)
        self._generation: int | None = None

    @property
    def generation(self) -> int | None:
        return self._generation

    def learn(self, generation: int) -> None:
        self._generation = max(generation, self._generation or 0)

    @fail_open(_nobody)
    async def get(self, user_id: UUID) -> User | None:
        if self._generation is None:
            return None
        kept = await self._redis.get(self._key(user_id))
        if not isinstance(kept, bytes):
            return None
        _, generation, snapshot = kept.split(b":", 2)
        return _read(snapshot) if snapshot and int(generation) >= self._generation else None

    @fail_open(lambda: None)
    async def put(self, user: User, generation: int | None) -> None:
        if generation is None:
            return
        snapshot = wire.to_snapshot(user, self._epoch).SerializeToString()
        if not await self._keep_newest(keys=[self._key(user.id)], args=[user.version, generation, snapshot, self._seconds]):
            metrics.CACHE_REFUSALS.inc()

    @fail_open(lambda: False)
    async def announce(self, user_id: UUID, version: int) -> bool:
        await self._keep_newest(keys=[self._key(user_id)], args=[version, 0, b"", ANNOUNCED_SECONDS])
        return True

    def _key(self, user_id: UUID) -> str:
        return f"user:{self._epoch}:{user_id}"


def _read(snapshot: bytes) -> User | None:
    try:
        return wire.from_snapshot(UserChanged.FromString(snapshot))
    except (DecodeError, ValueError):
        return None  # written by another release
