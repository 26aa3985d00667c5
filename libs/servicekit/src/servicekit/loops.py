"""Background loops that never die silently."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from prometheus_client import Counter

from servicekit.clock import monotonic, perf_counter, unix_seconds
from servicekit.errors import Unavailable, reason_of
from servicekit.readiness import Look, Readiness

FAILURES = Counter("background_loop_failures_total", "Times a background loop failed and was begun anew.", ["loop"])

_log = structlog.get_logger()

T = TypeVar("T")
Body = Callable[[asyncio.Event], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait before the next try: doubling from `first` to `longest`, with jitter on the upper half."""

    first: float = 0.2
    longest: float = 15.0

    def seconds(self, failures: int) -> float:
        ceiling = min(self.longest, self.first * 2 ** min(failures - 1, 30))
        return random.uniform(ceiling / 2, ceiling)


async def insist(
    step: Callable[[], Awaitable[T]], *, backoff: Backoff = Backoff(), failed: Callable[[Unavailable, int], None] = lambda *_: None
) -> T:
    """Repeat `step` while it raises Unavailable, however long; return what it returns. `failed` is told of each failure and its number."""
    failures = 0
    while True:
        try:
            return await step()
        except Unavailable as error:
            failures += 1
            failed(error, failures)
            await asyncio.sleep(backoff.seconds(failures))


class Loop:
    """A part that runs `body` in the background: when it raises or returns it is logged, counted and begun anew after a wait.

    `body` gets an event that is set when it should end; if it has not ended after `grace_seconds` it is cancelled.
    """

    def __init__(self, name: str, body: Body, *, backoff: Backoff = Backoff(), grace_seconds: float = 15) -> None:
        self.name = name
        self._body = body
        self._backoff = backoff
        self._grace_seconds = grace_seconds
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def wait(self) -> None:
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=self._grace_seconds)
        if not done:
            _log.warning("loop.cancelled", loop=self.name)
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = monotonic()
            try:
                await self._body(self._stopping)
            except Exception:
                _log.exception("loop.failed", loop=self.name)
            if self._stopping.is_set():
                return
            failures = 1 if monotonic() - began > self._backoff.longest else failures + 1
            FAILURES.labels(self.name).inc()
            await pause(self._backoff.seconds(failures), self._stopping)


async def pause(seconds: float, *events: asyncio.Event) -> None:
    """Wait `seconds`, or until one of the events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()


def every(
    name: str, seconds: float, step: Callable[[], Awaitable[object]], *, wake: asyncio.Event | None = None, grace_seconds: float = 15
) -> Loop:
    """A loop that calls `step` at once, then each `seconds`, and whenever `wake` is set (which it clears).

    A step in flight is finished at stop. One that raises is logged and counted, and tried again with backoff.
    """
    woken = wake or asyncio.Event()

    async def body(stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            woken.clear()
            await step()
            await pause(seconds, stopping, woken)

    return Loop(name, body, grace_seconds=grace_seconds)


def probe(
    name: str,
    check: Callable[[], Awaitable[object]],
    readiness: Readiness,
    *,
    required: bool = True,
    seconds: float = 5,
    timeout_seconds: float = 2,
) -> Loop:
    """A loop that keeps how `name` answers: whether `check` returns in time, and how soon. Start does not wait: it may come later.

    A process is not ready while a required dependency fails; another one is only shown.
    """
    readiness.depend(name, required=required)
    known: bool | None = None

    async def step() -> None:
        nonlocal known
        look = await _look(check, timeout_seconds)
        if known != look.answered:
            _log.info("probe.changed", part=name, ready=look.answered, reason=look.reason)
            known = look.answered
        readiness.saw(name, look)

    async def body(stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await step()
            # Look more often while something is missing: recovery should show soon.
            await pause(seconds if known else min(seconds, 0.5), stopping)

    return Loop(f"{name}-probe", body)


async def _look(check: Callable[[], Awaitable[object]], timeout_seconds: float) -> Look:
    began, reason = perf_counter(), ""
    try:
        async with asyncio.timeout(timeout_seconds):
            await check()
    except Exception as error:
        reason = reason_of(error)
    return Look(perf_counter() - began, unix_seconds(), reason)
