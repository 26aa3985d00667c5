"""Processes: born, killed in the middle of whatever they do, and born again without a memory."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from servicekit.errors import Unavailable
from servicekit.loops import Backoff
from servicekit.runtime import Component
from simulation.broker import Group, Member
from simulation.chance import Chance, Died
from simulation.story import Story

#: Seconds until a process is back: mostly a restart, sometimes a pod that finds no place.
_DOWN_FOR = (1.0, 2.0, 5.0, 10.0, 30.0, 300.0)

Body = Callable[["Process", asyncio.TaskGroup], Coroutine[Any, Any, None]]


class Process:
    """One replica. `body` builds it anew each time, and starts its loops in the group it is given."""

    def __init__(self, name: str, body: Body, chance: Chance, story: Story) -> None:
        self.name = name
        self._body = body
        self._chance = chance
        self._story = story
        self._memberships: list[tuple[Group, Member]] = []
        self._running: asyncio.Task[None] | None = None
        self._down_for = 0.0
        self.defects: list[str] = []

    def join(self, group: Group, member: Member) -> Member:
        """Become a member of a consumer group, until the process ends."""
        self._memberships.append((group, member))
        group.join(member)
        return member

    def kill(self, down_for: float = 0.0) -> None:
        self._down_for = down_for
        if self._running and not self._running.done():
            if self._running.cancelling():
                self.defects.append(f"{self.name} was to end before, and goes on")
            self._running.cancel()

    async def live(self) -> None:
        """Run, and run again after each end, but for one by a defect."""
        while not self.defects:
            self._running = asyncio.create_task(self._run())
            try:
                await asyncio.wait({self._running})
            finally:
                self._running.cancel()
                await asyncio.wait({self._running})
            self._note(self._running)
            for group, member in self._memberships:
                group.leave(member)
            self._memberships.clear()
            down_for, self._down_for = self._down_for or self._chance.random.choice(_DOWN_FOR), 0.0
            await asyncio.sleep(1.0 if self._chance.calm else down_for)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            await self._body(self, tasks)

    def _note(self, ended: "asyncio.Task[None]") -> None:
        error = None if ended.cancelled() else ended.exception()
        unplanned = [each for each in _leaves(error) if not isinstance(each, Died)]
        self._story.tell_all(f"{self.name}: ends, {_said(error)}")
        self.defects += ["".join(traceback.format_exception(each)) for each in unplanned]


class Pulse:
    """Wakes everybody who waits, and whoever had begun to look before it beat."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Set at the next beat; take it before looking."""
        return self._event

    def beat(self) -> None:
        self._event.set()
        self._event = asyncio.Event()


async def until_set(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for it so long at most. Not by wait_for, which in 3.11 swallows the end of a process that comes with the event."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def steadily(body: Callable[[], Awaitable[object]]) -> None:
    """Repeat a loop's round; after a store's failure, too, as servicekit's Loop does."""
    failures = 0
    while True:
        try:
            await body()
            failures = 0
        except Unavailable:
            failures += 1
            await asyncio.sleep(Backoff().seconds(failures))


def _leaves(error: BaseException | None) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in _leaves(each)]
    return [error] if error else []


def _said(error: BaseException | None) -> str:
    return "; ".join(f"{type(each).__name__} {each}" for each in _leaves(error)) or "killed"


async def until_done(step: Callable[[], Awaitable[object]]) -> None:
    """Try a step until the stores take part."""
    while True:
        try:
            await step()
            return
        except Unavailable:
            await asyncio.sleep(1.0)


async def until_dead(component: Component) -> None:
    """Wait for a component's end, and end it with its process."""
    try:
        await component.wait()
    finally:
        await component.stop()
