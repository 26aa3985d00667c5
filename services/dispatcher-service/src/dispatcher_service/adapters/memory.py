"""The fakes."""

import asyncio
from collections.abc import Callable, Iterable

from dispatcher_service.domain import Answer, Due, Letter, Verdict
from dispatcher_service.ports import Grant


class ScriptedProvider:
    """Gives the scripted answers in their order, then accepts; remembers every call."""

    def __init__(self, answers: Iterable[Answer] = (), *, name: str = "memory", seconds: float = 0) -> None:
        self.name = name
        self.calls: list[tuple[Letter, float]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._answers = list(answers)
        self._seconds = seconds

    async def send(self, letter: Letter, timeout_seconds: float) -> Answer:
        self.calls.append((letter, timeout_seconds))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.in_flight -= 1
        return self._answers.pop(0) if self._answers else Answer(Verdict.ACCEPTED, provider_message_id=f"memory-{len(self.calls)}")

    async def close(self) -> None:
        pass


class PlainComposer:
    """A letter of the kind and the name."""

    def __init__(self, compose: Callable[[Due], str] = lambda due: f"{due.kind} {due.first_name}") -> None:
        self._compose = compose

    def compose(self, due: Due) -> Letter:
        return Letter(str(due.id), due.email, due.kind, self._compose(due))


class SharedAllowance:
    """A number of calls that several rate limits share, as replicas do."""

    def __init__(self, calls: int, wait_seconds: float = 0.01) -> None:
        self.calls = calls
        self.asked = 0
        self._wait_seconds = wait_seconds

    async def reserve(self, calls: int) -> Grant:
        self.asked += 1
        granted = min(calls, self.calls)
        self.calls -= granted
        return Grant(granted, 0 if granted else self._wait_seconds)
