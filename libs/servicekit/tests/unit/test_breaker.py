import asyncio

import pytest
from prometheus_client import REGISTRY

from servicekit.breaker import Breaker, BreakerOpen


class Refused(Exception):
    pass


class Invalid(Exception):
    pass


def _breaker(name: str, open_seconds: float = 0.05) -> Breaker:
    return Breaker(name, failures_to_open=3, open_seconds=open_seconds, ignored=(Invalid,))


async def _call(breaker: Breaker, error: BaseException | None = None) -> None:
    with breaker.guard():
        await asyncio.sleep(0)
        if error is not None:
            raise error


async def _fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Refused):
            await _call(breaker, Refused())


async def test_it_opens_after_so_many_failures_in_a_row_and_each_keeps_its_own_error() -> None:
    breaker = _breaker("opens")
    await _fail(breaker, 3)
    assert breaker.state == "open"
    with pytest.raises(BreakerOpen, match="The circuit breaker of opens is open"):
        await _call(breaker)
    assert REGISTRY.get_sample_value("breaker_state", {"breaker": "opens"}) == 2


async def test_a_success_between_failures_starts_the_count_anew() -> None:
    breaker = _breaker("anew")
    await _fail(breaker, 2)
    await _call(breaker)
    await _fail(breaker, 2)
    assert breaker.state == "closed"


async def test_what_is_the_callers_fault_and_cancellation_are_not_counted() -> None:
    breaker = _breaker("ignored")
    for _ in range(5):
        with pytest.raises(Invalid):
            await _call(breaker, Invalid())
        with pytest.raises(asyncio.CancelledError):
            await _call(breaker, asyncio.CancelledError())
    assert breaker.state == "closed"


async def test_a_probe_that_works_closes_it() -> None:
    breaker = _breaker("closes")
    await _fail(breaker, 3)
    assert 0 < breaker.seconds_until_probe <= 0.05
    await asyncio.sleep(0.06)
    assert breaker.seconds_until_probe == 0
    await _call(breaker)
    assert breaker.state == "closed"


async def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = _breaker("again")
    await _fail(breaker, 3)
    await asyncio.sleep(0.06)
    await _fail(breaker, 1)
    assert breaker.state == "open"
    assert breaker.seconds_until_probe > 0


async def test_one_probe_at_a_time() -> None:
    breaker = _breaker("probe")
    await _fail(breaker, 3)
    await asyncio.sleep(0.06)
    outcomes = await asyncio.gather(*(_call(breaker) for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(BreakerOpen) == 4


async def test_a_cancelled_probe_leaves_room_for_the_next() -> None:
    breaker = _breaker("cancelled")
    await _fail(breaker, 3)
    await asyncio.sleep(0.06)
    with pytest.raises(asyncio.CancelledError):
        await _call(breaker, asyncio.CancelledError())
    await _call(breaker)
    assert breaker.state == "closed"


async def test_calls_begun_before_it_opened_change_nothing() -> None:
    breaker = _breaker("late", open_seconds=10)
    late_success, late_failure = breaker.guard(), breaker.guard()
    late_success.__enter__()
    late_failure.__enter__()
    await _fail(breaker, 3)
    until = breaker.seconds_until_probe
    late_success.__exit__(None, None, None)
    late_failure.__exit__(Refused, Refused(), None)
    assert breaker.state == "open"
    assert breaker.seconds_until_probe <= until
