import asyncio
from contextlib import suppress
from dataclasses import dataclass

from dispatcher_service import metrics
from dispatcher_service.domain import Answer, Verdict
from dispatcher_service.ports import RateLimit
from dispatcher_service.slots import Slots
from servicekit.breaker import Breaker
from servicekit.clock import Clock


@dataclass(frozen=True, slots=True)
class Timing:
    """How long calls and pauses may last, in seconds."""

    call: float  # the longest a call may take
    call_minimum: float  # a call is not begun with less time than this
    margin: float  # what is left between the end of the last call and the deadline, for the results to travel
    pause_longest: float  # a provider's wish for a pause beyond this is cut to it


class Gate:
    """Says whether a call may be made now: time, shutdown, the provider's own wishes, the breaker and the shared rate limit."""

    def __init__(self, rate_limit: RateLimit, breaker: Breaker, clock: Clock, timing: Timing, slots: Slots) -> None:
        self._rate_limit = rate_limit
        self._breaker = breaker
        self._clock = clock
        self._timing = timing
        self._slots = slots
        self._stopping = asyncio.Event()
        self._paused_until = 0.0

    def stop(self) -> None:
        """From now on no call is begun, and no wait goes on."""
        self._stopping.set()

    def pause(self, provider: str, seconds: float) -> None:
        """Begin no call for so long."""
        metrics.PAUSES.labels(provider).inc()
        self._paused_until = max(self._paused_until, self._clock.monotonic() + min(seconds, self._timing.pause_longest))

    def call_seconds(self, deadline: float) -> float:
        """The time that a call begun now may take."""
        return min(self._timing.call, deadline - self._timing.margin - self._clock.monotonic())

    async def enter(self, deadline: float) -> Answer | None:
        """Wait until a call may be begun, and take its slot, which `leave` gives back. An answer says why not, and no slot is taken."""
        latest = self._latest_start(deadline)
        if not await self._slots.take(latest - self._clock.monotonic()):
            return _not_tried("deadline")
        entered = False
        try:
            refused = await self._refusal(latest)
            entered = refused is None
            return refused
        finally:
            if not entered:  # refused, or cancelled while waiting
                self._slots.give_back()

    def leave(self) -> None:
        self._slots.give_back()

    async def rest(self, seconds: float, deadline: float) -> bool:
        """Wait before another try; False, at once, if there would be no time left for it or the process stops."""
        return await self._sleep(seconds, self._latest_start(deadline))

    def _latest_start(self, deadline: float) -> float:
        return deadline - self._timing.margin - self._timing.call_minimum

    async def _sleep(self, seconds: float, latest: float) -> bool:
        if self._stopping.is_set() or self._clock.monotonic() + seconds > latest:
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return not self._stopping.is_set()

    async def _refusal(self, latest: float) -> Answer | None:
        if self._stopping.is_set():
            return _not_tried("stopping")
        if wait := self._breaker.seconds_until_probe:
            return _not_tried("breaker_open", wait)
        if (now := self._clock.monotonic()) < self._paused_until and not await self._sleep(self._paused_until - now, latest):
            return _not_tried("provider_pause", self._paused_until - now)
        if not await self._rate_limit.take(latest):
            return _not_tried("rate_limit")
        return _not_tried("deadline") if self._clock.monotonic() > latest else None


def _not_tried(reason: str, pause_seconds: float = 0) -> Answer:
    return Answer(Verdict.NOT_TRIED, reason, pause_seconds=pause_seconds)
