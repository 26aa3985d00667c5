"""The only reader of the clock."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC, moved by the offset of a rehearsal. For people and events, never for leases or due-ness."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back. For deadlines and durations."""


class SystemClock:
    """The machine's clock, moved by a fixed offset."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self._offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic()


monotonic = time.monotonic
perf_counter = time.perf_counter


def unix_seconds() -> float:
    """Seconds since 1970 by the machine's clock, without any offset: for comparison with timestamps that brokers write."""
    return time.time()
