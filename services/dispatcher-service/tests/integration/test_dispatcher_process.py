"""The process as it is run: start, refusal to start, SIGTERM in the middle of a slice, death in a call."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from dispatcher_service.adapters.template_files import PACKAGED
from heyday.dispatcher.v1 import dispatcher_service_pb2 as pb
from heyday.dispatcher.v1 import dispatcher_service_pb2_grpc as pb_grpc
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from servicekit.testing import wait_until


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Process:
    """`python -m dispatcher_service` and a client of it."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self._channel = grpc.aio.insecure_channel(address)
        self._stub = pb_grpc.DispatcherServiceStub(self._channel)

    async def ready(self) -> None:
        await asyncio.wait_for(self._channel.channel_ready(), 20)

    async def dispatch(self, ids: list[UUID], timeout: float = 10) -> list[pb.DispatchResult]:
        records = [
            MessageDue(id=each.bytes, kind="birthday", variant="on_the_day", email="ada@example.com", first_name="Ada", last_name="L")
            for each in ids
        ]
        request = pb.DispatchRequest(messages=[record.SerializeToString() for record in records])
        return [result async for group in self._stub.Dispatch(request, timeout=timeout) for result in group.results]

    async def ended(self) -> tuple[int, str]:
        _, errors = await asyncio.wait_for(self.process.communicate(), 20)
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()

    async def end(self) -> None:
        await self._channel.close()
        if self.process.returncode is None:
            self.process.kill()
            await self.process.communicate()


@pytest.fixture
async def run(simulator: Any) -> AsyncIterator[Callable[..., Any]]:
    started: list[Process] = []

    async def start(**environ: str) -> Process:
        address = free_address()
        usual = {"ENVIRONMENT": "test", "PROVIDER_URL": simulator.url, "GRPC_ADDRESS": address, "METRICS_ADDRESS": "127.0.0.1:0"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dispatcher_service",
            env={**os.environ, **usual, **environ},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(Process(process, address))
        return started[-1]

    yield start
    for process in started:
        await process.end()


async def test_a_broken_template_refuses_to_start(run: Any, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(PACKAGED, tmp_path / "templates"))
    (directory / "birthday" / "on_the_day.en.txt").write_text("Hey,\n{{ nick_name }}")
    code, errors = await (await run(TEMPLATES_DIRECTORY=str(directory))).ended()
    assert code == 2
    assert "birthday/on_the_day.en.txt:2: 'nick_name' is undefined" in errors
    assert "Traceback" not in errors


async def test_mistaken_settings_refuse_to_start(run: Any) -> None:
    code, errors = await (await run(PROVIDER_URL="", CONCURRENCY="none")).ended()
    assert code == 2
    assert "CONCURRENCY" in errors


async def test_sigterm_lets_calls_in_flight_end_and_gives_the_rest_back(run: Any, simulator: Any) -> None:
    async def all_places_taken() -> bool:
        return bool((await simulator.stats())["calls"] == 3)

    await simulator.control(latency_seconds=1.0)
    process = await run(CONCURRENCY="3")
    await process.ready()
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(process.dispatch([uuid4() for _ in range(9)]))
        await wait_until(all_places_taken)
        process.process.send_signal(signal.SIGTERM)
    results = sending.result()
    accepted = [result for result in results if result.result == pb.DispatchResult.ACCEPTED]
    given_back = [result for result in results if result.result == pb.DispatchResult.NOT_TRIED]
    assert (len(accepted), len(given_back)) == (3, 6)
    assert {result.reason for result in given_back} == {"stopping"}
    assert (await simulator.stats())["greetings"] == 3
    assert (await process.ended())[0] == 0


@pytest.mark.parametrize("seam", ["dispatcher.before_send", "dispatcher.after_send"])
async def test_after_a_death_in_a_call_the_same_messages_are_greeted_once(run: Any, simulator: Any, seam: str) -> None:
    ids = [uuid4() for _ in range(20)]
    dying = await run(FAILPOINTS=f'{{"{seam}": "kill@10"}}')
    await dying.ready()
    with pytest.raises(grpc.aio.AioRpcError):
        await dying.dispatch(ids)
    assert (await dying.ended())[0] == -signal.SIGKILL
    replacement = await run()
    await replacement.ready()
    results = await replacement.dispatch(ids)
    assert {result.result for result in results} == {pb.DispatchResult.ACCEPTED}
    stats = await simulator.stats()
    assert (stats["greetings"], stats["doubled"]) == (20, 0)


async def test_a_provider_that_is_gone_opens_the_breaker_and_is_found_again(run: Any, simulator: Any) -> None:
    process = await run(BREAKER_FAILURES="5", BREAKER_OPEN_SECONDS="0.5", CONCURRENCY="2", TRIES="1")
    await process.ready()
    await simulator.control(refuse_seconds=1.5)
    await asyncio.sleep(0.1)
    results = await process.dispatch([uuid4() for _ in range(40)])
    assert sum(result.call_count for result in results) <= 6
    assert {result.reason for result in results} == {"not_connected", "breaker_open"}
    await asyncio.sleep(2)
    assert (await process.dispatch([uuid4()]))[0].result == pb.DispatchResult.ACCEPTED
    assert {result.result for result in await process.dispatch([uuid4() for _ in range(10)])} == {pb.DispatchResult.ACCEPTED}
