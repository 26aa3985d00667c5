"""The HTTP provider and the simulator behind it keep what a provider promises, over both clients."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from dispatcher_service.adapters.http_aiohttp import AiohttpClient
from dispatcher_service.adapters.http_email import HttpEmail
from dispatcher_service.adapters.http_pyreqwest import PyreqwestClient
from dispatcher_service.testing import TIMEOUT_SECONDS, Fault, ProviderContract
from servicekit.clock import SystemClock

SETTINGS: dict[Fault | None, dict[str, Any]] = {
    None: {},
    Fault.REFUSED: {"failure_share": 1, "failure_codes": [503]},
    Fault.REFUSED_FOR_GOOD: {"failure_share": 1, "failure_codes": [422]},
    Fault.REQUEST_LOST: {"hang_share": 1},
    Fault.ANSWER_LOST: {"lose_share": 1},
    Fault.SLOW: {"slow_share": 1, "slow_seconds": 2},
}
USUAL = {"failure_share": 0, "hang_share": 0, "lose_share": 0, "slow_share": 0}


class HttpWorld:
    def __init__(self, provider: HttpEmail, simulator: Any) -> None:
        self.provider = provider
        self._simulator = simulator

    async def befall(self, fault: Fault | None) -> None:
        await self._simulator.control(**USUAL | SETTINGS[fault])

    async def calls(self) -> int:
        return int((await self._simulator.stats())["calls"])

    async def greetings(self, key: str) -> int:
        return sum(letter["greetings"] for letter in await self._simulator.received() if letter["key"] == key)


@pytest.fixture(params=[PyreqwestClient, AiohttpClient])
async def world(request: pytest.FixtureRequest, simulator: Any) -> AsyncIterator[HttpWorld]:
    provider = HttpEmail(request.param(TIMEOUT_SECONDS, "heyday-test"), SystemClock(), name="api", base_url=simulator.url)
    yield HttpWorld(provider, simulator)
    await provider.close()


class TestHttpEmail(ProviderContract):
    """Before the simulator."""
