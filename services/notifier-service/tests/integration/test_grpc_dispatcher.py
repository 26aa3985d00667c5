"""The dispatcher's adapter against a real server: what surely reached nobody, and what may have."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from heyday.dispatcher.v1.dispatcher_service_pb2 import DispatchResult
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service.adapters import dispatcher as adapter
from notifier_service.adapters.dispatcher import GrpcDispatcher
from notifier_service.domain import Result, Tried
from notifier_service.ports import DispatchCut, DispatchRefused
from servicekit import grpc_client
from servicekit.testing import wait_until

Make = Callable[..., MessageDue]


@pytest.fixture
async def client(dispatcher: Any) -> AsyncIterator[GrpcDispatcher]:
    async with grpc_client.channel(dispatcher[1]) as channel:
        yield GrpcDispatcher(channel)


async def gather(client: GrpcDispatcher, dues: list[MessageDue], seconds: float = 5) -> list[tuple[int, Result]]:
    return [pair async for group in client.dispatch([due.SerializeToString() for due in dues], seconds) for pair in group]


async def test_results_come_in_groups_with_all_that_is_known(client: GrpcDispatcher, dispatcher: Any, due_record: Make) -> None:
    fake, _ = dispatcher
    fake.group = 2
    told = DispatchResult(result="REFUSED", reason="http_503\0", detail="slow down", call_count=3, unsure=True)
    told.retry_after.FromSeconds(7)
    told.dispatch_time.FromMicroseconds(5)
    fake.play = lambda due, call: DispatchResult.FromString(told.SerializeToString())
    results = await gather(client, [due_record() for _ in range(5)])
    assert [position for position, _ in results] == [0, 1, 2, 3, 4]
    expected = Result(
        Tried.REFUSED,
        provider="fake",
        reason="http_503",
        detail="slow down",
        calls=3,
        dispatched_us=5,
        retry_after_us=7_000_000,
        unsure=True,
    )
    assert results[0][1] == expected


async def test_without_a_connection_nothing_was_tried(monkeypatch: pytest.MonkeyPatch, due_record: Make) -> None:
    monkeypatch.setattr(adapter, "CONNECT_SECONDS", 0.3)
    async with grpc_client.channel("127.0.0.1:9") as channel:
        with pytest.raises(DispatchRefused):
            await gather(GrpcDispatcher(channel), [due_record()])


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAUTHENTICATED])
async def test_a_slice_turned_away_was_not_tried(client: GrpcDispatcher, dispatcher: Any, due_record: Make, code: grpc.StatusCode) -> None:
    dispatcher[0].abort = code
    with pytest.raises(DispatchRefused):
        await gather(client, [due_record()])


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN])
async def test_any_other_end_may_have_come_after_sending(
    client: GrpcDispatcher, dispatcher: Any, due_record: Make, code: grpc.StatusCode
) -> None:
    dispatcher[0].abort = code
    with pytest.raises(DispatchCut):
        await gather(client, [due_record()])


async def test_a_call_is_made_once(client: GrpcDispatcher, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].abort = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(DispatchCut):
        await gather(client, [due_record()])
    assert len(dispatcher[0].slices) == 1


async def test_a_call_ends_at_its_deadline(client: GrpcDispatcher, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].gate.clear()
    began = asyncio.get_running_loop().time()
    with pytest.raises(DispatchCut):
        await gather(client, [due_record()], seconds=0.5)
    assert asyncio.get_running_loop().time() - began < 2


async def test_cut_breaks_off_what_is_under_way(client: GrpcDispatcher, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].gate.clear()
    calling = asyncio.create_task(gather(client, [due_record()]))
    await wait_until(lambda: dispatcher[0].slices)
    client.cut()
    with pytest.raises(DispatchCut):
        await calling


async def test_a_cancelled_task_is_cancelled_and_so_is_its_call(client: GrpcDispatcher, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].gate.clear()
    calling = asyncio.create_task(gather(client, [due_record()]))
    await wait_until(lambda: dispatcher[0].slices)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
