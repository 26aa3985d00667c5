"""The generic cell rate algorithm, and the blocks it is asked for in."""

import asyncio
from datetime import UTC, datetime

from dispatcher_service.adapters.memory import SharedAllowance
from dispatcher_service.adapters.rate_limit import UNUSED_SECONDS, LocalAllowance, RateLimit, Unlimited


class HandClock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at


async def test_a_burst_then_the_rate() -> None:
    clock = HandClock()
    allowance = LocalAllowance(100, clock)
    assert (await allowance.reserve(1000)).calls == 10
    empty = await allowance.reserve(1)
    assert (empty.calls, round(empty.wait_seconds, 6)) == (0, 0.01)
    clock.at += 0.05
    assert (await allowance.reserve(1000)).calls == 5


async def test_over_a_minute_no_more_than_the_rate_and_one_burst() -> None:
    clock = HandClock()
    allowance = LocalAllowance(30, clock)
    granted = 0
    for _ in range(6000):
        granted += (await allowance.reserve(7)).calls
        clock.at += 0.01
    assert 1790 <= granted <= 1800 + 3


async def test_less_than_one_call_a_second() -> None:
    clock = HandClock()
    allowance = LocalAllowance(0.1, clock)
    assert (await allowance.reserve(5)).calls == 1
    assert round((await allowance.reserve(5)).wait_seconds, 6) == 10
    clock.at += 10
    assert (await allowance.reserve(5)).calls == 1


async def test_calls_are_reserved_in_blocks() -> None:
    allowance = SharedAllowance(1000)
    clock = HandClock()
    limit = RateLimit(allowance, 2000, clock)
    assert all([await limit.take(clock.at + 1) for _ in range(1000)])
    assert allowance.asked == 10


async def test_a_right_that_is_not_used_soon_is_lost() -> None:
    allowance, clock = SharedAllowance(200), HandClock()
    limit = RateLimit(allowance, 2000, clock)
    await limit.take(clock.at)
    clock.at += UNUSED_SECONDS
    await limit.take(clock.at)
    assert allowance.calls == 0


async def test_many_waiting_calls_ask_once_for_each_block() -> None:
    allowance, clock = SharedAllowance(100), HandClock()
    limit = RateLimit(allowance, 2000, clock)
    assert all(await asyncio.gather(*(limit.take(clock.at) for _ in range(100))))
    assert allowance.asked == 1


async def test_a_call_that_would_come_too_late_is_refused_at_once() -> None:
    allowance, clock = SharedAllowance(0, wait_seconds=5), HandClock()
    limit = RateLimit(allowance, 2000, clock)
    assert not await limit.take(clock.at + 1)
    assert not any(await asyncio.gather(*(limit.take(clock.at + 1) for _ in range(50))))
    assert allowance.asked == 1


async def test_no_limit_never_waits() -> None:
    assert await Unlimited().take(0)
