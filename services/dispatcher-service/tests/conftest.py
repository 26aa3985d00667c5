"""What both kinds of test need: the provider simulator as a process, messages, and the dispatcher put together around fakes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from dispatcher_service.adapters.memory import PlainComposer, ScriptedProvider
from dispatcher_service.adapters.rate_limit import Unlimited
from dispatcher_service.courier import Courier, Tries
from dispatcher_service.domain import Due, Letter, Result
from dispatcher_service.gate import Gate, Timing
from dispatcher_service.ports import Composer, Provider, RateLimit
from dispatcher_service.service import Dispatcher
from dispatcher_service.slots import Slots
from servicekit.breaker import Breaker
from servicekit.clock import SystemClock
from servicekit.runtime import Backoff

LOADTEST = Path(__file__).parents[3] / "loadtest"


class Simulator:
    """The simulated provider, as a test sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def control(self, **settings: object) -> Any:
        return await self._ask("POST", "/control", settings)

    async def settings(self) -> Any:
        return await self._ask("GET", "/control")

    async def received(self) -> list[Any]:
        received: list[Any] = (await self._ask("GET", "/received"))["received"]
        return received

    async def stats(self) -> Any:
        return await self._ask("GET", "/stats")

    async def reset(self) -> None:
        await self._ask("POST", "/reset")

    async def _ask(self, method: str, path: str, content: object = None) -> Any:
        async with aiohttp.ClientSession() as session, session.request(method, self.url + path, json=content) as response:
            assert response.status == 200, await response.text()
            return await response.json()


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0"],
        cwd=LOADTEST,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
async def simulator(simulator_url: str) -> AsyncIterator[Simulator]:
    simulator = Simulator(simulator_url)
    usual = await simulator.settings()
    await simulator.reset()
    yield simulator
    await simulator.control(**usual)


@pytest.fixture
def due() -> Callable[..., Due]:
    def make(index: int = 0, **fields: Any) -> Due:
        usual = {
            "id": UUID(int=index + 1),
            "kind": "birthday",
            "variant": "on_the_day",
            "email": "ada@example.com",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "locale": "en",
            "years": 0,
        }
        return Due(index, **{**usual, **fields})

    return make


@pytest.fixture
def letter() -> Callable[..., Letter]:
    def make(**fields: Any) -> Letter:
        usual = {"key": "key-1", "email": "ada@example.com", "subject": "Hello", "text": "Hey, Ada", "sender": "Heyday <hey@example.com>"}
        return Letter(**{**usual, **fields})

    return make


TIMING = Timing(call=1, call_minimum=0.05, margin=0.05, pause_longest=1)
BACKOFF = Backoff(0.001, 0.001)


class Rig:
    """A dispatcher around fakes, with every wait short."""

    def __init__(
        self,
        provider: Provider | None = None,
        *,
        composer: Composer | None = None,
        rate_limit: RateLimit | None = None,
        breaker: Breaker | None = None,
        timing: Timing = TIMING,
        tries: int = 3,
        backoff: Backoff = BACKOFF,
        repeat_unsure: bool = True,
        concurrency: int = 100,
        group_seconds: float = 0.05,
    ) -> None:
        self.clock = SystemClock()
        self.provider = provider or ScriptedProvider()
        self.breaker = breaker or Breaker("rig", failures_to_open=1000)
        self.gate = Gate(rate_limit or Unlimited(), self.breaker, self.clock, timing, Slots(concurrency))
        courier = Courier(
            composer or PlainComposer(),
            self.provider,
            self.breaker,
            self.gate,
            self.clock,
            Tries(tries, backoff, repeat_unsure),
        )
        self.dispatcher = Dispatcher(courier, self.gate, group_seconds)

    async def groups(self, *messages: Due, seconds: float = 5) -> list[list[Result]]:
        return [group async for group in self.dispatcher.dispatch(messages, self.clock.monotonic() + seconds)]

    async def send(self, *messages: Due, seconds: float = 5) -> list[Result]:
        results = [result for group in await self.groups(*messages, seconds=seconds) for result in group]
        return sorted(results, key=lambda result: result.index)

    async def send_one(self, message: Due, *, seconds: float = 5) -> Result:
        (result,) = await self.send(message, seconds=seconds)
        return result


@pytest.fixture
def rig() -> Callable[..., Rig]:
    return Rig


async def _serve(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> asyncio.Server:
    return await asyncio.start_server(handle, "127.0.0.1", 0)


@pytest.fixture
async def tcp_server() -> AsyncIterator[Callable[..., Any]]:
    """`await tcp_server(handle)` serves `handle(reader, writer)` at the port it returns; connections are closed afterwards."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> int:
        async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await handle(reader, writer)
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()
                tasks.discard(task)

        servers.append(await _serve(closing))
        port: int = servers[-1].sockets[0].getsockname()[1]
        return port

    yield serve
    for server in servers:
        server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
