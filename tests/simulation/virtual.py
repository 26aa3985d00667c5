"""Time that passes only when nobody has anything to do: hours cost nothing, and every wait of the services is kept."""

import asyncio
import selectors
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        super().__init__(_JumpingSelector(self))
        # A year has 3e7 seconds: the machine's nanoseconds are below what a float can tell apart.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.elapsed


class _JumpingSelector(selectors.BaseSelector):
    """Knows no files but the loop's own pipe, on which nothing ever comes."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._idle = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("Everybody waits for somebody else, and no timer is set.")
        self._loop.elapsed += max(timeout, 0.0)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._idle.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._idle.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._idle.get_map()

    def close(self) -> None:
        self._idle.close()


class Passing(Protocol):
    """Time that passes."""

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""


class VirtualClock:
    """The Clock port over a virtual loop; the databases' clocks are the same."""

    def __init__(self, time: Passing, begins_at: datetime) -> None:
        self._time = time
        self._begins_at = begins_at

    def now(self) -> datetime:
        return self._begins_at + timedelta(seconds=self._time.elapsed)

    def monotonic(self) -> float:
        return self._time.elapsed

    def now_us(self) -> int:
        now = self.now()
        return int(now.timestamp()) * 1_000_000 + now.microsecond
