"""Which parts of a process are ready to serve."""

import asyncio

from prometheus_client import Gauge

READY = Gauge("part_ready", "1 if a part of the process is ready, else 0.", ["part"])


class Readiness:
    """Which parts are ready; the process is ready when all of them are. Feeds gRPC health and a gauge."""

    def __init__(self) -> None:
        self._parts: dict[str, bool] = {}
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

    def drain(self) -> None:
        """From now on the process is not ready, whatever its parts say."""
        self._draining = True
        self._wake()

    @property
    def ready(self) -> bool:
        return not self._draining and all(self._parts.values())

    def missing(self) -> list[str]:
        """The parts that are not ready, sorted."""
        return sorted(name for name, ready in self._parts.items() if not ready)

    def next_change(self) -> asyncio.Event:
        """An event that is set at the next change. Take it before you look, and no change is missed."""
        return self._changed

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
