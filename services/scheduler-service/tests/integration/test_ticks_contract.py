"""The Ticks port. In memory and on Postgres."""

import asyncio
from datetime import UTC, datetime, timedelta

from scheduler_service.testing.delivery import DeliveryWorld

TICK = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)


async def test_one_of_many_gets_a_tick(plan: DeliveryWorld) -> None:
    got = await asyncio.gather(*(plan.ticks.acquire("plan", TICK, str(n), LEASE) for n in range(10)))
    assert got.count(True) == 1


async def test_one_run_of_a_job_at_a_time(plan: DeliveryWorld) -> None:
    assert await plan.ticks.acquire("plan", TICK, "a", LEASE)
    assert not await plan.ticks.acquire("plan", TICK + timedelta(minutes=1), "b", LEASE)
    assert await plan.ticks.acquire("emit", TICK, "b", LEASE)


async def test_a_lapsed_run_is_taken_over_and_its_first_holder_is_fenced_off(plan: DeliveryWorld) -> None:
    await plan.ticks.acquire("plan", TICK, "a", timedelta(seconds=-1))
    assert await plan.ticks.last_tick("plan") is None
    assert await plan.ticks.acquire("plan", TICK, "b", LEASE)
    assert not await plan.ticks.renew("plan", TICK, "a", LEASE)
    await plan.ticks.finish("plan", TICK, "a", {"planned": 1})
    assert (await plan.ticks.last_runs(["plan"]))["plan"].finished_at is None
    assert await plan.ticks.renew("plan", TICK, "b", LEASE)


async def test_a_finished_tick_is_done_and_a_failed_one_is_open(plan: DeliveryWorld) -> None:
    await plan.ticks.acquire("plan", TICK, "a", LEASE)
    await plan.ticks.finish("plan", TICK, "a", {}, "RuntimeError: away")
    assert await plan.ticks.last_tick("plan") is None
    assert await plan.ticks.acquire("plan", TICK, "b", LEASE)
    await plan.ticks.finish("plan", TICK, "b", {"planned": 3})
    assert await plan.ticks.last_tick("plan") == TICK
    assert not await plan.ticks.acquire("plan", TICK, "c", LEASE)
    run = (await plan.ticks.last_runs(["plan", "emit"]))["plan"]
    assert (run.counts, run.error, run.result) == ({"planned": 3}, "", "SUCCEEDED")


async def test_old_runs_are_forgotten_the_last_of_each_job_apart(plan: DeliveryWorld) -> None:
    for minute in range(3):
        tick = TICK + timedelta(minutes=minute)
        await plan.ticks.acquire("plan", tick, "a", LEASE)
        await plan.ticks.finish("plan", tick, "a", {})
    assert await plan.ticks.forget(timedelta(seconds=-1)) == 2
    assert await plan.ticks.last_tick("plan") == TICK + timedelta(minutes=2)


async def test_the_last_success_is_known_by_when_it_began(plan: DeliveryWorld) -> None:
    assert await plan.ticks.last_success("recover") is None
    began = []
    for minute, error in enumerate(["", "", "RuntimeError: away"]):
        await plan.ticks.acquire("recover", TICK + timedelta(minutes=minute), "a", LEASE)
        began.append((await plan.ticks.last_runs(["recover"]))["recover"].started_at)
        await plan.ticks.finish("recover", TICK + timedelta(minutes=minute), "a", {}, error)
    await plan.ticks.acquire("recover", TICK + timedelta(minutes=3), "a", LEASE)
    await plan.ticks.acquire("plan", TICK, "a", LEASE)
    await plan.ticks.finish("plan", TICK, "a", {})
    assert await plan.ticks.last_success("recover") == began[1]
