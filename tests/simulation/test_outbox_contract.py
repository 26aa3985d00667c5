"""The simulated relay and its table keep what the relay promises over Postgres."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

import pytest

from servicekit.kafka import Producer, Record
from servicekit.outbox import _Row
from servicekit.testing.outbox_contract import OutboxContract
from simulation.outbox import IDLE_SECONDS, OutboxTable, SimulatedRelay
from simulation.probing import Chosen, RealTime
from simulation.processes import steadily


class ListedRows:
    """Any records, in the order of their commit."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.waiting: dict[int, Record] = {}

    def add(self, records: Sequence[Record]) -> None:
        self.waiting |= {next(self._numbers): record for record in records}

    def any(self) -> bool:
        return bool(self.waiting)

    async def read(self) -> Sequence[_Row]:
        return [_Row(number, record) for number, record in self.waiting.items()]

    async def delete(self, ids: Collection[int]) -> None:
        for number in ids:
            del self.waiting[number]


class SimulatedOutbox:
    def __init__(self) -> None:
        self._time = RealTime()
        self._rows = ListedRows()
        self._table = OutboxTable("outbox", self._rows, self._time.clock())

    async def add(self, records: Sequence[Record]) -> None:
        self._rows.add(records)
        self._table.news.beat()

    async def rows(self) -> int:
        return len(self._rows.waiting)

    def relay(self, producer: Producer) -> SimulatedRelay:
        return SimulatedRelay(self._table, producer, Chosen())

    @asynccontextmanager
    async def at_work(self, relays: Sequence[SimulatedRelay]) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(steadily(relay.round)) for relay in relays]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def end_idle(self) -> None:
        self._time.put_forward(timedelta(seconds=IDLE_SECONDS))


class TestSimulatedRelay(OutboxContract):
    @pytest.fixture
    def outbox(self) -> SimulatedOutbox:
        return SimulatedOutbox()
