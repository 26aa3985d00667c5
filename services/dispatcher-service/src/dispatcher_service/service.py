import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import structlog

from dispatcher_service import metrics
from dispatcher_service.courier import Courier
from dispatcher_service.domain import Due, Result, Verdict
from dispatcher_service.gate import Gate

_log = structlog.get_logger()


class Dispatcher:
    """Sends slices of messages, and gives the results back in groups as they are known."""

    name = "dispatcher"

    def __init__(self, courier: Courier, gate: Gate, group_seconds: float) -> None:
        self._courier = courier
        self._gate = gate
        self._group_seconds = group_seconds
        self._idle = asyncio.Event()
        self._idle.set()
        self._slices = 0

    async def dispatch(self, messages: Sequence[Due], deadline: float) -> AsyncIterator[list[Result]]:
        """Each message gets exactly one result, and each group leaves at most `group_seconds` after its first result is known.

        `deadline` is monotonic. Closing the iterator early cancels what is in flight.
        """
        groups = Groups(len(messages), self._group_seconds)
        self._begin()
        tasks = [asyncio.create_task(self._deliver(due, deadline, groups)) for due in messages]
        try:
            async for group in groups:
                count(group)
                yield group
        finally:
            for task in tasks:
                task.cancel()
            self._end()

    async def start(self) -> None:
        pass

    async def wait(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Begin no further call, and wait for the slices in flight: calls end by themselves, what was not begun is given back."""
        self._gate.stop()
        await self._idle.wait()

    async def _deliver(self, due: Due, deadline: float, groups: "Groups") -> None:
        try:
            result = await self._courier.deliver(due, deadline)
        except Exception:
            # A defect somewhere between composing and answering: the letter may be out.
            _log.exception("dispatcher.defect", message=str(due.id))
            result = Result(due.index, due.kind, Verdict.UNSURE, reason="internal", unsure=True)
        groups.add(result)

    def _begin(self) -> None:
        self._slices += 1
        self._idle.clear()
        metrics.SLICES.inc()
        metrics.SLICES_IN_FLIGHT.inc()

    def _end(self) -> None:
        self._slices -= 1
        metrics.SLICES_IN_FLIGHT.dec()
        if not self._slices:
            self._idle.set()


class Groups:
    """Collects results, and lets them out in groups until as many as expected have come."""

    def __init__(self, expected: int, longest_wait_seconds: float) -> None:
        self._missing = expected
        self._longest_wait_seconds = longest_wait_seconds
        self._known: list[Result] = []
        self._first = asyncio.Event()
        self._complete = asyncio.Event()

    def add(self, result: Result) -> None:
        self._known.append(result)
        self._missing -= 1
        self._first.set()
        if not self._missing:
            self._complete.set()

    async def __aiter__(self) -> AsyncIterator[list[Result]]:
        while self._missing or self._known:
            await self._first.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._complete.wait(), self._longest_wait_seconds)
            group, self._known = self._known, []
            self._first.clear()
            yield group


def count(group: Sequence[Result]) -> None:
    metrics.GROUPS.inc()
    for (kind, verdict), count in Counter((result.kind, result.verdict) for result in group).items():
        metrics.RESULTS.labels(kind, verdict.value).inc(count)
    for reason, count in Counter(result.reason for result in group if result.reason).items():
        metrics.REASONS.labels(reason).inc(count)
