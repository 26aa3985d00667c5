"""The simulated backlog keeps what Kafka's promises."""

import pytest

from scheduler_service.adapters.due_topic import TOPIC
from scheduler_service.testing.backlog import BacklogContract
from servicekit.kafka import Partition, Record
from simulation.broker import Backlog, Broker
from simulation.probing import Chosen, RealTime


class SimulatedTopic:
    def __init__(self) -> None:
        self._broker = Broker(RealTime().clock(), Chosen())
        self._group = self._broker.group("readers", TOPIC)
        self.backlog = Backlog(self._group)

    async def append(self, user_id: bytes) -> int:
        before = {partition: len(log) for partition, log in self._broker.logs.items()}
        await self._broker.produce([Record(TOPIC, user_id, b"due")])
        return next(partition.number for partition, log in self._broker.logs.items() if len(log) > before.get(partition, 0))

    async def commit(self, partition: int, offset: int) -> None:
        self._group.committed[Partition(TOPIC, partition)] = offset

    async def lose(self) -> None:
        self._broker.lose(TOPIC)


class TestBacklog(BacklogContract):
    @pytest.fixture
    def world(self) -> SimulatedTopic:
        return SimulatedTopic()
