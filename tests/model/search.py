"""Breadth first through every interleaving, so that the run which breaks a promise is a shortest one."""

import gc
from dataclasses import dataclass

from model import promises
from model.notifier import Notifiers
from model.rules import Setup
from model.scheduler import Scheduler
from model.world import Left, World
from notifier_service.domain import State as Delivery
from scheduler_service.domain import State


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the promise that is broken, empty if none is; a shortest run to it; and how much was seen.

    `plan` and `ledger`: the states in which it saw a message and a delivery.
    """

    broken: str
    run: tuple[str, ...]
    states: int
    at_rest: int
    plan: frozenset[State]
    ledger: frozenset[Delivery]


class Unfinished(Exception):
    """The bounds are too wide: more states than the limit."""


def search(setup: Setup, limit: int = 5_000_000) -> Found:
    """Raises Unfinished."""
    collects = gc.isenabled()
    gc.disable()  # Nothing here is cyclic, and there is a great deal of it.
    try:
        return _Search(setup, limit).run()
    finally:
        if collects:
            gc.enable()


class _Search:
    def __init__(self, setup: Setup, limit: int) -> None:
        self._bounds = setup.bounds
        self._limit = limit
        self._actors = (Scheduler(setup), Notifiers(setup))
        b = setup.bounds
        first = World(Left(b.faults, b.edits, b.hours, b.decisions, b.lulls))
        self._numbers = {first: 0}
        self._worlds: list[World] = [first]
        self._came_from: list[tuple[str, int]] = [("", -1)]
        self._calm_before: list[list[int]] = [[]]
        self._at_rest: list[int] = []

    def run(self) -> Found:
        k = 0
        while k < len(self._worlds):
            if broken := promises.always(self._worlds[k], self._bounds) or self._expand(k):
                return self._found(broken, k)
            k += 1
        stuck = self._restless()
        return self._found("", 0) if stuck is None else self._found("never comes to rest", stuck)

    def _expand(self, k: int) -> str:
        """Note all that can follow; return the promise that is broken on the way, or by nothing following."""
        w, quiet = self._worlds[k], True
        for actor in self._actors:
            for label, following, kind in actor.steps(w):
                n = self._number(following, f"! {label}" if kind == "!" else label, k)
                if broken := promises.between(w, following):
                    self._came_from[k] = (f"{label} (from here)", self._came_from[k][1])
                    return broken
                if not kind:
                    quiet = False
                    self._calm_before[n].append(k)
        if not quiet:
            return ""
        self._at_rest.append(k)
        return promises.at_rest(w, self._bounds)

    def _number(self, w: World, label: str, before: int) -> int:
        known = self._numbers.setdefault(w, len(self._worlds))
        if known == len(self._worlds):
            self._worlds.append(w)
            self._came_from.append((label, before))
            self._calm_before.append([])
            if known > self._limit:
                raise Unfinished
        return known

    def _restless(self) -> int | None:
        """A state from which none at rest can be reached without a fault, an edit or a person."""
        reached, todo = set(self._at_rest), list(self._at_rest)
        while todo:
            for k in self._calm_before[todo.pop()]:
                if k not in reached:
                    reached.add(k)
                    todo.append(k)
        return next((k for k in range(len(self._worlds)) if k not in reached), None)

    def _found(self, broken: str, k: int) -> Found:
        run: list[str] = []
        while broken and k > 0:
            label, k = self._came_from[k]
            run.append(label)
        plan = frozenset(row.state for w in self._worlds for row in w.rows if row)
        ledger = frozenset(entry.state for w in self._worlds for entry in w.ledger if entry)
        return Found(broken, tuple(reversed(run)), len(self._worlds), len(self._at_rest), plan, ledger)
