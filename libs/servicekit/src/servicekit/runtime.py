"""Starting, watching and stopping the parts of a process."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Component(Protocol):
    """A part of a process with a life of its own: a server, a consumer, a loop, a pool.

    `start` returns when the part serves; it may wait for what it needs (with backoff), and raises if it never can. `wait` returns or
    raises only if the part ends by itself: either ends the process, for a part that has died silently is the worst of failures.
    `stop` finishes or gives back what is in flight within the time it was built with; it is idempotent, and is called also if `start` failed.
    """

    @property
    def name(self) -> str: ...

    async def start(self) -> None: ...

    async def wait(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait before try n: doubling from `first` to `longest`, with full jitter on the upper half."""

    first: float = 0.2
    longest: float = 15.0

    def seconds(self, tries: int) -> float:
        raise NotImplementedError


class Readiness:
    """Which parts are ready; the process is ready when all of them are. Feeds gRPC health and a gauge."""

    def expect(self, name: str) -> None:
        """Count `name` as not ready until it is set."""
        raise NotImplementedError

    def set(self, name: str, ready: bool) -> None:
        raise NotImplementedError

    def drain(self) -> None:
        """From now on the process is not ready, whatever its parts say."""
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        raise NotImplementedError

    def missing(self) -> list[str]:
        """The parts that are not ready, sorted."""
        raise NotImplementedError

    async def changed(self) -> None:
        """Return at the next change."""
        raise NotImplementedError


def run(build: Callable[[], Sequence[Component]], *, grace_seconds: float, readiness: Readiness | None = None) -> int:
    """Run the parts that `build` returns until SIGTERM or SIGINT, or until one fails; return the exit code: 0, or 1 after a failure.

    `build` is called within the running loop (uvloop), so parts may create clients. Parts start in order and stop in reverse order; each
    has `grace_seconds` to stop, then it is cancelled. A second signal ends the process at once.
    """
    raise NotImplementedError


async def supervise(
    components: Sequence[Component], stop: asyncio.Event, *, grace_seconds: float, readiness: Readiness | None = None
) -> int:
    """What `run` does, without loop and signals: returns when `stop` is set or a part has failed, after all are stopped."""
    raise NotImplementedError


def loop(
    name: str,
    body: Callable[[asyncio.Event], Awaitable[object]],
    *,
    backoff: Backoff = Backoff(),
    grace_seconds: float = 20,
) -> Component:
    """A background loop that never dies silently: when `body` raises or returns it is logged, counted and begun anew after a wait.

    `body` gets an event that is set when it should end; it is cancelled if it has not ended after `grace_seconds`.
    """
    raise NotImplementedError


def every(
    name: str, seconds: float, step: Callable[[], Awaitable[object]], *, wake: asyncio.Event | None = None, grace_seconds: float = 20
) -> Component:
    """A loop that calls `step` each `seconds` (and at once when `wake` is set, which it clears); a step in flight is finished at stop.

    A step that raises is logged and counted, and tried again with backoff.
    """
    raise NotImplementedError


def probe(
    name: str, check: Callable[[], Awaitable[object]], readiness: Readiness, *, seconds: float = 5, timeout_seconds: float = 2
) -> Component:
    """A loop that sets the readiness of `name` by whether `check` returns in time. Start returns at once: a dependency may come later."""
    raise NotImplementedError


def closing(name: str, close: Callable[[], Awaitable[object]]) -> Component:
    """A part that only has to be closed at the end: a pool, a channel, a client."""
    raise NotImplementedError
