import asyncio
import math

from dispatcher_service import metrics
from dispatcher_service.ports import Allowance, Grant
from servicekit.clock import Clock

BLOCK_SECONDS = 0.05  # calls reserved at once: what this time allows
UNUSED_SECONDS = 1.0  # then a right that was not used is lost


class Unlimited:
    """For a provider without a limit."""

    async def take(self, latest: float) -> bool:
        return True


class RateLimit:
    """Hands out calls one by one, from blocks reserved of an allowance."""

    def __init__(self, allowance: Allowance, calls_per_second: float, clock: Clock) -> None:
        self._allowance = allowance
        self._block = max(1, math.floor(calls_per_second * BLOCK_SECONDS))
        self._clock = clock
        self._reserving = asyncio.Lock()
        self._left = 0
        self._lost_at = 0.0
        self._ask_again_at = 0.0

    async def take(self, latest: float) -> bool:
        while not self._take_now():
            now = self._clock.monotonic()
            if now < self._ask_again_at:
                if self._ask_again_at > latest:
                    return False
                await asyncio.sleep(self._ask_again_at - now)
            await self._reserve()
        return True

    def _take_now(self) -> bool:
        if self._left and self._clock.monotonic() < self._lost_at:
            self._left -= 1
            return True
        return False

    async def _reserve(self) -> None:
        async with self._reserving:
            now = self._clock.monotonic()
            if now < self._ask_again_at or (self._left and now < self._lost_at):
                return  # another call has asked meanwhile
            grant = await self._allowance.reserve(self._block)
            now = self._clock.monotonic()
            self._left, self._lost_at = grant.calls, now + UNUSED_SECONDS
            self._ask_again_at = 0.0 if grant.calls else now + grant.wait_seconds
            if not grant.calls:
                metrics.RATE_LIMIT_WAITS.inc()


class LocalAllowance:
    """The generic cell rate algorithm in this process alone."""

    def __init__(self, calls_per_second: float, clock: Clock) -> None:
        self._interval = 1 / calls_per_second
        self._burst = burst(calls_per_second)
        self._clock = clock
        self._arrival = 0.0  # theoretical arrival time of the next call

    async def reserve(self, calls: int) -> Grant:
        now = self._clock.monotonic()
        arrival = max(self._arrival, now)
        # An epsilon, for now + n * interval - now is not quite n * interval.
        free = math.floor((now - arrival) / self._interval + self._burst + 1e-6)
        if free < 1:
            return Grant(0, arrival - now - (self._burst - 1) * self._interval)
        granted = min(calls, free)
        self._arrival = arrival + granted * self._interval
        return Grant(granted)


def burst(calls_per_second: float) -> int:
    """Calls that may come at once after a rest: two blocks."""
    return max(1, math.floor(calls_per_second * BLOCK_SECONDS * 2))
