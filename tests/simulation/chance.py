"""What goes wrong, by one seeded source of chance, at the boundary of every step."""

import asyncio
import inspect
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from servicekit.errors import Unavailable

#: Methods that run the work they are given in their own transaction.
_TRANSACTIONS = frozenset({"replan", "settle", "change_basis", "transact"})


class Died(Exception):
    """The process ends here, in the middle of a step."""


class Lost(Unavailable):
    """The store did not answer: what was asked of it may have been done."""


@dataclass(frozen=True)
class Rates:
    """How often a step goes wrong, before it or after it."""

    dies: float = 0.003
    unavailable: float = 0.008
    slow: float = 0.01
    longest_seconds: float = 75.0


class Chance:
    """One source for the whole run. Counts steps and faults; `calm` ends all trouble."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self.random = random.Random(seed)
        self.rates = rates
        self.steps = 0
        self.faults: Counter[str] = Counter()
        self.calm = False

    def happens(self, share: float, what: str) -> bool:
        """Whether something goes wrong now; counted by name."""
        if self.calm or self.random.random() >= share:
            return False
        self.faults[what] += 1
        return True

    async def before(self, place: str) -> None:
        self.steps += 1
        await asyncio.sleep(self.random.uniform(0.0005, 0.008))
        await self._trouble("before", place)

    async def after(self, place: str) -> None:
        await self._trouble("after", place)

    async def seam(self, name: str) -> None:
        """One of the services' own failpoints: the process dies there, or stands still."""
        if not name.startswith("dispatcher."):  # which has no process of its own here
            await self._trouble("at", name)

    async def _trouble(self, when: str, place: str) -> None:
        draw = self.random.random()
        rates = self.rates
        if self.calm or draw >= rates.dies + rates.unavailable + rates.slow:
            return
        if draw < rates.dies:
            self.faults[f"died {when} {place}"] += 1
            raise Died(f"{when} {place}")
        if draw < rates.dies + rates.unavailable and when != "at":
            self.faults[f"unavailable {when} {place}"] += 1
            raise Lost
        self.faults[f"slow {when} {place}"] += 1
        await asyncio.sleep(self.random.uniform(0.1, rates.longest_seconds))


class Faulty:
    """Any port, with a seeded fault before and after each of its calls, those within a transaction included."""

    def __init__(self, port: Any, name: str, chance: Chance) -> None:
        self._port = port
        self._name = name
        self._chance = chance

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._port, method)
        if not inspect.iscoroutinefunction(call) or method == "now":
            return call

        async def faulty(*given: Any, **named: Any) -> Any:
            if method in _TRANSACTIONS:
                given = (self._within(given[0]), *given[1:])
            await self._chance.before(f"{self._name}.{method}")
            result = await call(*given, **named)
            await self._chance.after(f"{self._name}.{method}")
            return result

        setattr(self, method, faulty)
        return faulty

    def _within(self, work: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        return lambda unit: work(Faulty(unit, self._name, self._chance))


def faulty_unit(
    unit: Callable[[], AbstractAsyncContextManager[Any]], name: str, chance: Chance
) -> Callable[[], AbstractAsyncContextManager[Any]]:
    """The same for a port that is a transaction: its commit's answer may be lost too."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        async with unit() as port:
            yield Faulty(port, name, chance)
        await chance.after(f"{name}.commit")

    return opened
