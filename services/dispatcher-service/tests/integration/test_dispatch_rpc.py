"""The gRPC edge: records in, results out, with real texts and the simulated provider behind it."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from dispatcher_service import bootstrap
from dispatcher_service.adapters.memory import ScriptedProvider
from dispatcher_service.domain import Answer, Verdict
from dispatcher_service.servicer import DispatcherServicer
from dispatcher_service.settings import DispatcherSettings
from heyday.dispatcher.v1 import dispatcher_service_pb2 as pb
from heyday.dispatcher.v1 import dispatcher_service_pb2_grpc as pb_grpc
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from servicekit.clock import SystemClock
from servicekit.settings import parse
from servicekit.testing import grpc_channel

Dispatch = Callable[..., Any]


def record(**fields: Any) -> bytes:
    usual = {"id": uuid4().bytes, "kind": "birthday", "variant": "on_the_day", "email": "ada@example.com", "first_name": "Ada"}
    return MessageDue(**{**usual, "last_name": "Lovelace", "locale": "en", **fields}).SerializeToString()


@pytest.fixture
async def serve(rig: Any, simulator: Any) -> AsyncIterator[Dispatch]:
    """`await serve(provider)(records, timeout=...)` are the groups of results; without a provider, those of the simulator."""
    settings = parse(DispatcherSettings, {"PROVIDER_URL": simulator.url, "ENVIRONMENT": "test"})
    clock = SystemClock()
    real = bootstrap.provider_of(settings, clock)

    def serving(provider: ScriptedProvider | None = None) -> Dispatch:
        dispatcher = rig(provider or real, composer=bootstrap.composer_of(settings)).dispatcher
        servicer = DispatcherServicer(dispatcher, clock, default_deadline_seconds=2)

        async def dispatch(records: list[bytes], *, timeout: float | None = 5) -> list[list[pb.DispatchResult]]:
            async with grpc_channel([lambda server: pb_grpc.add_DispatcherServiceServicer_to_server(servicer, server)]) as channel:
                stub = pb_grpc.DispatcherServiceStub(channel)
                return [list(group.results) async for group in stub.Dispatch(pb.DispatchRequest(messages=records), timeout=timeout)]

        return dispatch

    yield serving
    await real.close()


async def test_a_slice_reaches_the_provider(serve: Any, simulator: Any) -> None:
    ids = [uuid4() for _ in range(3)]
    groups = await serve()([record(id=each.bytes, kind="anniversary", years=3) for each in ids])
    results = [result for group in groups for result in group]
    received = {each["key"]: each for each in await simulator.received()}
    assert received.keys() == {str(each) for each in ids}
    assert {each["message"] for each in received.values()} == {"Hey, Ada Lovelace it's your work anniversary! 3 years with us!"}
    for result in results:
        assert result.result == pb.DispatchResult.ACCEPTED
        assert result.provider == "http_email"
        assert result.provider_message_id == received[str(ids[result.index])]["message_id"]
        assert result.dispatch_time.ToMicroseconds() <= result.response_time.ToMicroseconds()
        assert not result.HasField("retry_after")


async def test_a_tenth_of_failures_is_tried_away_within_the_call(serve: Any, simulator: Any) -> None:
    await simulator.control(failure_share=0.1, seed=7)
    messages = [record(id=UUID(int=number).bytes) for number in range(200)]
    results = [result for group in await serve()(messages) for result in group]
    stats = await simulator.stats()
    accepted = [result for result in results if result.result == pb.DispatchResult.ACCEPTED]
    assert len(accepted) == stats["greetings"] >= 198
    assert sum(result.call_count for result in results) == stats["calls"] > 200
    assert stats["doubled"] == 0


async def test_lost_answers_lead_to_one_greeting_each(serve: Any, simulator: Any) -> None:
    await simulator.control(drop_share=0.3, seed=1)
    messages = [record(id=UUID(int=number).bytes) for number in range(100)]
    results = [result for group in await serve()(messages) for result in group]
    assert {result.result for result in results} <= {pb.DispatchResult.ACCEPTED, pb.DispatchResult.UNSURE}
    assert any(result.unsure and result.result == pb.DispatchResult.ACCEPTED for result in results)
    assert (await simulator.stats())["greetings"] == 100
    assert (await simulator.stats())["doubled"] == 0


async def test_under_every_fault_at_once_nobody_is_forgotten_or_greeted_twice(serve: Any, simulator: Any) -> None:
    faults = ("failure", "unsuccessful", "reset", "drop", "rubbish", "lose")
    await simulator.control(seed=3, throttle_share=0.02, retry_after_seconds=0, **{f"{fault}_share": 0.05 for fault in faults})
    waiting = [UUID(int=number) for number in range(300)]
    dispatch = serve()
    for _ in range(10):
        results = [result for group in await dispatch([record(id=each.bytes) for each in waiting], timeout=8) for result in group]
        assert sorted(result.index for result in results) == list(range(len(waiting)))
        waiting = [waiting[result.index] for result in results if result.result != pb.DispatchResult.ACCEPTED]
        if not waiting:
            break
    assert not waiting
    stats = await simulator.stats()
    assert (stats["greetings"], stats["letters"], stats["doubled"]) == (300, 300, 0)


@pytest.mark.parametrize("rubbish", [b"\xff\xff\xff", b"", record(id=b"short")], ids=["no proto", "empty", "no id"])
async def test_an_unreadable_record_spares_the_others(serve: Any, rubbish: bytes) -> None:
    groups = await serve(ScriptedProvider())([record(), rubbish, record()])
    results = {result.index: result for group in groups for result in group}
    assert (results[1].result, results[1].reason) == (pb.DispatchResult.PERMANENT, "unreadable")
    assert results[0].result == results[2].result == pb.DispatchResult.ACCEPTED


async def test_each_verdict_has_its_value_on_the_wire(serve: Any) -> None:
    answers = [Answer(Verdict.PERMANENT, "http_422", "no"), Answer(Verdict.ACCEPTED, provider_message_id="p")]
    (group,) = await serve(ScriptedProvider(answers))([record(), record()])
    assert sorted((result.result, result.reason, result.detail) for result in group) == [
        (pb.DispatchResult.ACCEPTED, "", ""),
        (pb.DispatchResult.PERMANENT, "http_422", "no"),
    ]


async def test_a_wait_the_provider_asks_for_is_passed_on(serve: Any) -> None:
    ((result,),) = await serve(ScriptedProvider([Answer(Verdict.REFUSED, "http_429", pause_seconds=90.5)]))([record()])
    assert (result.result, result.retry_after.ToMilliseconds()) == (pb.DispatchResult.REFUSED, 90500)


async def test_a_slice_of_none_is_answered_by_nothing(serve: Any) -> None:
    assert await serve(ScriptedProvider())([]) == []


async def test_a_slice_that_is_too_long_is_refused(serve: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await serve(ScriptedProvider())([b""] * 1001)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "At most 1000 messages, not 1001." in str(refused.value.details())


async def test_the_deadline_of_the_call_bounds_every_call_to_the_provider(serve: Any) -> None:
    provider = ScriptedProvider()
    await serve(provider)([record()], timeout=0.8)
    (_, seconds) = provider.calls[0]
    assert 0.3 < seconds < 0.8


async def test_results_are_out_before_the_deadline_though_the_provider_hangs(serve: Any, simulator: Any) -> None:
    await simulator.control(hang_share=1)
    groups = await serve()([record() for _ in range(5)], timeout=1)
    assert {result.result for group in groups for result in group} == {pb.DispatchResult.UNSURE}
    assert sum(len(group) for group in groups) == 5
