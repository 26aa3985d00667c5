"""One run: trouble for so many days, then calm until nothing is under way, then the verdict."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from simulation.judge import Verdict, judge
from simulation.trouble import Trouble
from simulation.virtual import VirtualLoop
from simulation.world import Setup, World, world_of

#: What is late is made up, or over its budget, by then.
CALM = timedelta(hours=60)
#: After the calm; what is then still under way is lost.
LONGEST_WAIT = timedelta(hours=2)
#: Ends are at once, but for what somebody swallows.
GRACE = timedelta(minutes=10)
LOOK_EVERY = timedelta(hours=1)

Progress = Callable[[World], None]


def simulate(setup: Setup, progress: Progress) -> tuple[World, Verdict]:
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        with world_of(setup, loop) as world:
            ended_at = loop.run_until_complete(_play(world, progress))
            return world, judge(world, ended_at)
    finally:
        asyncio.set_event_loop(None)


async def _play(world: World, progress: Progress) -> datetime:
    lives = world.begin()
    troubles = Trouble(world).begin()
    await _until(world, world.setup.ends_at, progress)
    world.chance.calm = True
    world.broker.away_until = world.provider.failing_until = 0.0
    if world.dispatcher.servicer is None:
        world.dispatcher.start()
    ended_at = world.clock.now()
    await _end(troubles)
    await _until(world, ended_at + CALM, progress)
    last = world.clock.now() + LONGEST_WAIT
    while not world.is_settled() and world.clock.now() < last:  # noqa: ASYNC110
        await asyncio.sleep(10)
    await _end(lives)
    return ended_at


async def _until(world: World, at: datetime, progress: Progress) -> None:
    while (left := at - world.clock.now()) > timedelta() and not world.defects:
        progress(world)
        await asyncio.sleep(min(left, LOOK_EVERY).total_seconds())


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    _, pending = await asyncio.wait(tasks, timeout=GRACE.total_seconds())
    if pending:
        raise RuntimeError(f"Told to end, and goes on: {pending}")
    for task in tasks:
        if not task.cancelled():
            task.result()  # raises what nobody had foreseen
