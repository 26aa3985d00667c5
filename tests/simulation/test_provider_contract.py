"""The simulated provider keeps what the HTTP provider keeps, and forgets a key after its lifetime."""

from datetime import timedelta
from uuid import UUID

import pytest

from dispatcher_service.domain import Verdict
from dispatcher_service.testing import TIMEOUT_SECONDS, Fault, ProviderContract, letter, new_key
from simulation.probing import Chosen, RealTime
from simulation.provider import KEY_LIFETIME, SimulatedProvider
from simulation.story import Story

WANTED = {
    Fault.REFUSED: "provider: refused",
    Fault.REFUSED_FOR_GOOD: "provider: permanently refused",
    Fault.REQUEST_LOST: "provider: request lost",
    Fault.ANSWER_LOST: "provider: answer lost",
    Fault.SLOW: "provider: slow",
}


class SimulatedWorld:
    def __init__(self) -> None:
        self.time, self._chance = RealTime(), Chosen()
        clock = self.time.clock()
        self.provider = SimulatedProvider(clock, self._chance, Story(clock.now))

    async def befall(self, fault: Fault | None) -> None:
        self._chance.wanted = {WANTED[fault]} if fault else set()

    async def calls(self) -> int:
        return self.provider.calls

    async def greetings(self, key: str) -> int:
        taken = self.provider.taken.get(UUID(key))
        return taken.greetings if taken else 0


@pytest.fixture
def world() -> SimulatedWorld:
    return SimulatedWorld()


class TestSimulatedProvider(ProviderContract):
    """By itself."""


async def test_a_key_is_forgotten_after_its_lifetime_and_not_before(world: SimulatedWorld) -> None:
    key = new_key()
    greetings = []
    for further in (timedelta(), KEY_LIFETIME - timedelta(minutes=1), timedelta(minutes=1)):
        world.time.put_forward(further)
        answer = await world.provider.send(letter(key), TIMEOUT_SECONDS)
        assert answer.verdict is Verdict.ACCEPTED
        greetings.append(await world.greetings(key))
    assert greetings == [1, 1, 2]
