from redis.asyncio import Redis

from dispatcher_service import metrics
from dispatcher_service.adapters.rate_limit import burst
from dispatcher_service.ports import Allowance, Grant
from servicekit.redis import fail_open

# The generic cell rate algorithm, in microseconds of the server's clock. Returns calls granted, and the wait if there are none.
_RESERVE = """
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local free = math.floor((now - arrival) / interval + burst + 0.000001)
if free < 1 then
  return {0, math.ceil(arrival - now - (burst - 1) * interval)}
end
local granted = math.min(free, wanted)
local after = arrival + granted * interval
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1000)
return {granted, 0}
"""


def _unanswered() -> Grant | None:
    return None


class RedisAllowance:
    """What all replicas may still call, kept in Redis; without it, this replica's own part."""

    def __init__(self, redis: Redis, key: str, calls_per_second: float, own_part: Allowance) -> None:
        self._script = redis.register_script(_RESERVE)
        self._key = key
        self._interval_microseconds = 1_000_000 / calls_per_second
        self._burst = burst(calls_per_second)
        self._own_part = own_part

    async def reserve(self, calls: int) -> Grant:
        grant = await self._reserve_shared(calls)
        if grant is not None:
            return grant
        metrics.RATE_LIMIT_LOCAL.inc()
        return await self._own_part.reserve(calls)

    @fail_open(_unanswered)
    async def _reserve_shared(self, calls: int) -> Grant | None:
        granted, wait = await self._script(keys=[self._key], args=[self._interval_microseconds, self._burst, calls])
        return Grant(granted, wait / 1_000_000)
