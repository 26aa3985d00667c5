"""What the contract suites hold a stand-in in: real time, and no chance but what is wanted."""

import random
from datetime import UTC, datetime, timedelta

from servicekit.clock import monotonic
from simulation.chance import Chance, Rates
from simulation.virtual import VirtualClock


class RealTime:
    """The machine's time, and what it was put forward by."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._ahead = 0.0

    @property
    def elapsed(self) -> float:
        return monotonic() - self._began + self._ahead

    def put_forward(self, by: timedelta) -> None:
        self._ahead += by.total_seconds()

    def clock(self) -> VirtualClock:
        return VirtualClock(self, datetime.now(UTC))


class Chosen(Chance):
    """What is wanted happens each time, and nothing else ever does; what takes its time is quick."""

    def __init__(self) -> None:
        super().__init__(0, Rates())
        self.random = _Quick(0)
        self.calm = True
        self.wanted: set[str] = set()

    def happens(self, share: float, what: str) -> bool:
        return what in self.wanted


class _Quick(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) / 32
