"""Which parts of a process are ready to serve."""

import asyncio
from dataclasses import dataclass

from prometheus_client import Gauge

READY = Gauge("part_ready", "1 if a part of the process is ready, else 0.", ["part"])


@dataclass(frozen=True, slots=True)
class Look:
    """How something outside of the process answered when it was last looked at."""

    seconds: float
    #: By the machine's clock, in seconds since 1970.
    ended_at: float
    #: The kind of failure; empty when it answered.
    reason: str = ""

    @property
    def answered(self) -> bool:
        return not self.reason


@dataclass(slots=True)
class Dependency:
    """Something outside of the process that is looked at; a required one makes the process unready while it fails."""

    name: str
    required: bool
    look: Look | None = None


class Readiness:
    """Which parts are ready; the process is ready when all of them are. Feeds gRPC health, its state in detail, and a gauge."""

    def __init__(self) -> None:
        self._parts: dict[str, bool] = {}
        self._dependencies: dict[str, Dependency] = {}
        self._draining = False
        self._changed = asyncio.Event()

    def expect(self, name: str) -> None:
        """Count `name` as not ready until it is set."""
        self._parts.setdefault(name, False)
        READY.labels(name).set(self._parts[name])

    def set(self, name: str, ready: bool) -> None:
        if self._parts.get(name) != ready:
            self._parts[name] = ready
            READY.labels(name).set(ready)
            self._wake()

    def depend(self, name: str, *, required: bool) -> None:
        """Show `name` among the dependencies; not ready until it is seen to answer, if it is required."""
        self._dependencies[name] = Dependency(name, required)
        if required:
            self.expect(name)

    def saw(self, name: str, look: Look) -> None:
        """Keep how a dependency answered."""
        dependency = self._dependencies[name]
        dependency.look = look
        if dependency.required:
            self.set(name, look.answered)

    def drain(self) -> None:
        """From now on the process is not ready, whatever its parts say."""
        self._draining = True
        self._wake()

    @property
    def ready(self) -> bool:
        return not self._draining and all(self._parts.values())

    @property
    def draining(self) -> bool:
        return self._draining

    def dependencies(self) -> list[Dependency]:
        """All of them, sorted by name."""
        return sorted(self._dependencies.values(), key=lambda dependency: dependency.name)

    def missing(self) -> list[str]:
        """The parts that are not ready, sorted."""
        return sorted(name for name, ready in self._parts.items() if not ready)

    def next_change(self) -> asyncio.Event:
        """An event that is set at the next change. Take it before you look, and no change is missed."""
        return self._changed

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
