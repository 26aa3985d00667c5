"""What StatusService tells of a process, asked over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from heyday.status.v1 import status_service_pb2 as pb
from heyday.status.v1.status_service_pb2_grpc import StatusServiceStub
from servicekit import clock, grpc_client
from servicekit.breaker import Breaker
from servicekit.errors import Unavailable
from servicekit.grpc_client import NotServing
from servicekit.grpc_server import GrpcServer
from servicekit.kafka import lag
from servicekit.readiness import Readiness
from servicekit.runtime import probe
from servicekit.settings import Environment, ServiceSettings
from servicekit.testing import wait_until
from servicekit.topics import DECLARED, PARTITIONS

Check = Callable[[], Awaitable[object]]


@asynccontextmanager
async def serving(readiness: Readiness) -> AsyncIterator[tuple[StatusServiceStub, GrpcServer]]:
    settings = ServiceSettings(
        environment=Environment.TEST, instance_name="greeter-1", version="1.2.3", grpc_address="127.0.0.1:0", shutdown_grace_seconds=0.1
    )
    server = GrpcServer(settings, [], readiness=readiness)
    await server.start()
    async with grpc_client.channel(f"127.0.0.1:{server.port}") as channel:
        yield StatusServiceStub(channel), server
    await server.stop()


async def status(readiness: Readiness) -> pb.ProcessStatus:
    async with serving(readiness) as (stub, _):
        return await stub.GetStatus(pb.GetStatusRequest())


async def looked_at(check: Check, *, required: bool) -> pb.ProcessStatus:
    """How a process is after it has looked at a dependency."""
    readiness = Readiness()
    part = probe("store", check, readiness, required=required, timeout_seconds=0.3)
    await part.start()
    await wait_until(lambda: readiness.dependencies()[0].look)
    await part.stop()
    return await status(readiness)


async def succeed() -> None:
    await asyncio.sleep(0.01)


async def fail() -> None:
    raise Unavailable("postgresql://heyday:secret@10.0.0.1 does not answer")


async def hang() -> None:
    await asyncio.Event().wait()


async def test_a_process_says_who_it_is_and_what_it_holds() -> None:
    told = await status(Readiness())
    assert (told.instance, told.version, told.state) == ("greeter-1", "1.2.3", pb.ProcessStatus.SERVING)
    assert told.resident_memory_bytes > 1 << 20
    assert told.uptime.ToTimedelta().total_seconds() > 0


@pytest.mark.parametrize("required", [True, False])
async def test_a_dependency_that_answers_is_up_with_how_long_it_took(required: bool) -> None:
    told = await looked_at(succeed, required=required)
    [store] = told.dependencies
    assert (store.name, store.state, store.required, store.reason) == ("store", pb.Dependency.UP, required, "")
    assert store.latency.ToTimedelta().total_seconds() > 0.005
    assert abs(store.look_time.ToSeconds() - clock.unix_seconds()) < 5


@pytest.mark.parametrize(("check", "reason"), [(fail, "UNAVAILABLE"), (hang, "TIMEOUT_ERROR")])
async def test_one_that_fails_is_down_with_a_reason_that_quotes_nothing(check: Check, reason: str) -> None:
    told = await looked_at(check, required=True)
    [store] = told.dependencies
    assert (store.state, store.reason) == (pb.Dependency.DOWN, reason)
    assert (told.state, list(told.waiting_for)) == (pb.ProcessStatus.NOT_SERVING, ["store"])
    assert b"secret" not in told.SerializeToString()


async def test_one_that_is_not_required_is_shown_down_while_the_process_stays_ready() -> None:
    told = await looked_at(fail, required=False)
    assert told.dependencies[0].state == pb.Dependency.DOWN
    assert (told.state, list(told.waiting_for)) == (pb.ProcessStatus.SERVING, [])


async def test_one_that_was_not_looked_at_yet_is_unknown() -> None:
    readiness = Readiness()
    probe("store", succeed, readiness)
    [store] = (await status(readiness)).dependencies
    assert (store.state, store.HasField("latency"), store.HasField("look_time")) == (pb.Dependency.UNKNOWN, False, False)


async def test_dependencies_are_sorted() -> None:
    readiness = Readiness()
    for name in ("redis", "kafka", "postgres"):
        readiness.depend(name, required=False)
    assert [each.name for each in (await status(readiness)).dependencies] == ["kafka", "postgres", "redis"]


async def test_while_it_stops_it_is_draining() -> None:
    readiness = Readiness()
    readiness.drain()
    assert (await status(readiness)).state == pb.ProcessStatus.DRAINING


async def test_a_breaker_is_shown_as_it_is() -> None:
    breaker = Breaker("shown", failures_to_open=1, open_seconds=0.05)

    async def shown() -> "pb.Breaker.State":
        return next(each.state for each in (await status(Readiness())).breakers if each.name == "shown")

    assert await shown() == pb.Breaker.CLOSED
    with pytest.raises(Unavailable), breaker.guard():
        raise Unavailable
    assert await shown() == pb.Breaker.OPEN
    await wait_until(lambda: not breaker.seconds_until_probe)
    with breaker.guard():
        assert await shown() == pb.Breaker.HALF_OPEN
    assert await shown() == pb.Breaker.CLOSED


async def test_topics_and_consumers_are_shown_as_they_are_measured() -> None:
    DECLARED.labels("present").set(64)
    DECLARED.labels("absent").set(64)
    PARTITIONS.labels("present").set(64)
    PARTITIONS.labels("absent").set(0)
    lag.ASSIGNED.labels("readers").set(32)
    lag.LAG_RECORDS.labels("readers", "present").set(5)
    lag.LAG_RECORDS.labels("readers", "absent").set(2)
    told = await status(Readiness())
    topics = {each.name: (each.partition_count, each.declared_partition_count) for each in told.topics}
    assert (topics["present"], topics["absent"]) == ((64, 64), (0, 64))
    assert ("readers", 32, 7) in [(each.group, each.assigned_partition_count, each.lag_records) for each in told.consumers]


async def test_a_ping_fails_unless_the_service_is_there_and_ready() -> None:
    readiness = Readiness()
    async with serving(readiness) as (_, server), grpc_client.channel(f"127.0.0.1:{server.port}") as channel:
        await grpc_client.ping(channel)
        readiness.set("store", False)
        with pytest.raises(NotServing):
            await wait_until(lambda: grpc_client.ping(channel))
    async with grpc_client.channel("127.0.0.1:9") as nowhere:
        with pytest.raises(Unavailable):
            await grpc_client.ping(nowhere)
