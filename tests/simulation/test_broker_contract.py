"""The simulated broker keeps what Kafka promises."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from servicekit.kafka import Consumer
from servicekit.kafka.ports import StoredOffsets
from servicekit.testing.kafka_contract import KafkaContract
from servicekit.testing.kafka_group_contract import GroupContract
from simulation.broker import PARTITIONS, Broker, Member
from simulation.probing import Chosen, RealTime

TOPIC = "topic"


class SimulatedCluster:
    topic, partitions = TOPIC, PARTITIONS

    def __init__(self) -> None:
        self._chance = Chosen()
        self.producer = Broker(RealTime().clock(), self._chance)

    async def consumer(self, group: str, *, stored_offsets: StoredOffsets | None = None) -> Member:
        of = self.producer.group(group, TOPIC)
        member = Member(of, stored=stored_offsets)
        of.join(member)
        return member

    async def stop(self, consumer: Consumer) -> None:
        for group in self.producer.groups.values():
            group.leave(consumer)  # type: ignore[arg-type]

    @asynccontextmanager
    async def interrupted(self) -> AsyncIterator[None]:
        self._chance.wanted.add("acknowledgement lost")
        try:
            yield
        finally:
            self._chance.wanted.clear()

    async def lose(self) -> None:
        self.producer.lose(TOPIC)


class TestBroker(KafkaContract, GroupContract):
    @pytest.fixture
    def cluster(self) -> SimulatedCluster:
        return SimulatedCluster()
