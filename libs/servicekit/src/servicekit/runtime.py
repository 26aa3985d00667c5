"""Starting, watching and stopping the parts of a process."""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog
import uvloop

from servicekit.loops import Backoff, Loop, every, probe
from servicekit.readiness import Readiness

__all__ = ["Backoff", "Closing", "Component", "Loop", "Readiness", "every", "probe", "run", "supervise"]

_log = structlog.get_logger()


class Component(Protocol):
    """A part of a process with a life of its own: a server, a consumer, a loop, a pool.

    `start` returns when the part serves; it may wait for what it needs (with backoff), and raises if it never can. `wait` returns or raises
    only if the part ends by itself: either ends the process, for a part that has died silently is the worst of failures. `stop` finishes or
    gives back what is in flight; it is idempotent, and is called also if `start` failed or was cancelled.
    """

    @property
    def name(self) -> str: ...

    async def start(self) -> None: ...

    async def wait(self) -> None: ...

    async def stop(self) -> None: ...


def run(build: Callable[[], Sequence[Component]], *, grace_seconds: float, readiness: Readiness | None = None) -> int:
    """Run the parts that `build` returns until SIGTERM or SIGINT, or until one fails; return the exit code: 0, or 1 after a failure.

    `build` is called within the running loop (uvloop), so parts may create clients. Parts start in order and stop in reverse order; each
    has `grace_seconds` to stop, then it is cancelled. A second signal ends the process at once.
    """

    async def main() -> int:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _end, stop)
        return await supervise(build(), stop, grace_seconds=grace_seconds, readiness=readiness)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


async def supervise(
    components: Sequence[Component], stop: asyncio.Event, *, grace_seconds: float, readiness: Readiness | None = None
) -> int:
    """What `run` does, without loop and signals: returns when `stop` is set or a part has failed, after all are stopped."""
    tasks = {asyncio.create_task(_live(components), name="parts"), asyncio.create_task(stop.wait(), name="stop")}
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    failed = any(task.get_name() == "parts" for task in done)
    if readiness is not None:
        readiness.drain()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for component in reversed(components):
        await _stop(component, grace_seconds)
    return 1 if failed else 0


async def _live(components: Sequence[Component]) -> None:
    """Start all in order and watch those that have started; return as soon as one has ended or cannot start."""
    watches: set[asyncio.Task[None]] = set()
    ended: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()

    def watch(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(ended.put_nowait)
        watches.add(task)
        return task

    starting = watch(_start(components, watch), "start")
    try:
        while (task := await ended.get()) is starting and task.exception() is None:
            _log.info("runtime.started", parts=[component.name for component in components])
            _keep()
        _log.error("runtime.part_ended", part=task.get_name(), exc_info=None if task.cancelled() else task.exception())
    finally:
        for task in watches:
            task.cancel()
        await asyncio.gather(*watches, return_exceptions=True)


def _keep() -> None:
    """What was made by now stays: left out of every garbage collection to come, it does not cost the busy ones a seventh of their CPU."""
    gc.collect()
    gc.freeze()


async def _start(components: Sequence[Component], watch: Callable[[Coroutine[Any, Any, None], str], object]) -> None:
    for component in components:
        try:
            await component.start()
        except Exception:
            _log.error("runtime.start_failed", part=component.name)
            raise
        watch(component.wait(), component.name)


async def _stop(component: Component, grace_seconds: float) -> None:
    try:
        async with asyncio.timeout(grace_seconds):
            await component.stop()
    except Exception:
        _log.exception("runtime.stop_failed", part=component.name)


def _end(stop: asyncio.Event) -> None:
    if stop.is_set():
        _log.warning("runtime.ended_at_once")
        os._exit(1)
    _log.info("runtime.stopping")
    stop.set()


class Closing:
    """A part that only has to be closed at the end: a pool, a channel, a client."""

    def __init__(self, name: str, close: Callable[[], Awaitable[object]]) -> None:
        self.name = name
        self._close = close

    async def start(self) -> None:
        pass

    async def wait(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        await self._close()
