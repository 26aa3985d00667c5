"""The service as it is composed, on real servers: what others see of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import grpc.aio
import pytest
from confluent_kafka import Consumer

from backing import server
from heyday.user.v1 import user_pb2, user_service_pb2, user_service_pb2_grpc
from heyday.user.v1.user_changed_pb2 import UserChanged
from servicekit.grpc_client import channel
from servicekit.grpc_server import GrpcServer
from servicekit.runtime import Readiness, supervise
from servicekit.settings import parse
from servicekit.testing import wait_until
from user_service import bootstrap
from user_service.settings import Settings

Stub = Any  # the asynchronous stub has no type of its own


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
async def stub(database: Callable[..., Any], redis_url: str, kafka_server: Any, topics: None, readiness: Readiness) -> AsyncIterator[Stub]:
    environ = {
        "ENVIRONMENT": "test",
        "DATABASE_URL": database("users").url,
        "REDIS_URL": redis_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_server.bootstrap_servers,
        "GRPC_ADDRESS": "127.0.0.1:0",
        "METRICS_ADDRESS": "127.0.0.1:0",
        "CACHE_GENERATION_POLL_SECONDS": "0.1",
    }
    parts = bootstrap.build(parse(Settings, environ), readiness)
    stop = asyncio.Event()
    running = asyncio.create_task(supervise(parts, stop, grace_seconds=5, readiness=readiness))
    await wait_until(lambda: readiness.ready, what="readiness")
    grpc_server = next(part for part in parts if isinstance(part, GrpcServer))
    async with channel(f"127.0.0.1:{grpc_server.port}") as client:
        yield user_service_pb2_grpc.UserServiceStub(client)
    stop.set()
    assert await running == 0


def ada(**more: Any) -> user_pb2.User:
    said = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "timezone": "Europe/London", "birthday": "1990-12-10"}
    return user_pb2.User(**{**said, **more})


async def create(stub: Stub, request_id: str = "", **said: Any) -> user_pb2.User:
    made: user_pb2.User = await stub.CreateUser(user_service_pb2.CreateUserRequest(user=ada(**said), request_id=request_id))
    return made


async def rename(stub: Stub, user_id: str, first_name: str) -> user_pb2.User:
    request = user_service_pb2.UpdateUserRequest(user=user_pb2.User(id=user_id, first_name=first_name))
    renamed: user_pb2.User = await stub.UpdateUser(request)
    return renamed


async def get(stub: Stub, user_id: str) -> user_pb2.User:
    found: user_pb2.User = await stub.GetUser(user_service_pb2.GetUserRequest(id=user_id))
    return found


async def changes(kafka_server: Any, user_id: str, until_version: int) -> list[UserChanged]:
    """The user's events in the order in which the topic holds them, up to a version."""
    return await asyncio.to_thread(_read_changes, kafka_server.bootstrap_servers, user_id, until_version)


def _read_changes(bootstrap_servers: str, user_id: str, until_version: int) -> list[UserChanged]:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": user_id, "auto.offset.reset": "earliest"})
    consumer.subscribe([bootstrap.TOPIC])
    found: list[UserChanged] = []
    while not found or found[-1].user.version < until_version:
        record = consumer.poll(20)
        assert record, f"the topic ends before version {until_version}"
        if record.key() == UUID(user_id).bytes:
            found.append(UserChanged.FromString(record.value() or b""))
    consumer.close()
    return found


async def test_each_change_leaves_as_one_event_in_order(stub: Stub, kafka_server: Any) -> None:
    user = await create(stub)
    for number in range(20):
        await rename(stub, user.id, f"Ada {number}")
    deleted = await stub.DeleteUser(user_service_pb2.DeleteUserRequest(id=user.id))
    events = await changes(kafka_server, user.id, 22)
    assert [event.user.version for event in events] == list(range(1, 23))
    assert events[-1].user == deleted
    assert (events[0].epoch, events[0].birthday_known_time) == (1, user.create_time)


async def test_ten_creates_with_one_request_id_make_one_user(stub: Stub) -> None:
    made = await asyncio.gather(*(create(stub, request_id="once") for _ in range(10)))
    assert len({user.id for user in made}) == 1
    assert len((await stub.ListUsers(user_service_pb2.ListUsersRequest())).users) == 1


async def test_ten_creates_of_one_email_make_one_user(stub: Stub) -> None:
    results = await asyncio.gather(*(create(stub) for _ in range(10)), return_exceptions=True)
    refusals = [result.code() for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert refusals == [grpc.StatusCode.ALREADY_EXISTS] * 9


async def test_with_redis_away_all_works_and_with_redis_back_nothing_old_is_read(stub: Stub, redis_server: Any) -> None:
    user = await create(stub)
    redis_server.process.pause()
    try:
        renamed = await rename(stub, user.id, "Augusta")
        assert await get(stub, user.id) == renamed
    finally:
        redis_server.process.resume()
    assert await get(stub, user.id) == renamed
    assert (await rename(stub, user.id, "Byron")).version == 3


async def test_with_postgres_away_cached_users_are_served_and_the_rest_is_unavailable(
    stub: Stub, readiness: Readiness, postgres_server: Any
) -> None:
    cached = await create(stub)
    postgres_server.process.kill()
    try:
        assert await get(stub, cached.id) == cached
        for call in (create(stub, email="b@example.com"), stub.ListUsers(user_service_pb2.ListUsersRequest())):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
            assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        await wait_until(lambda: not readiness.ready, timeout_seconds=10, what="loss of readiness")
    finally:
        server.start(postgres_server)
    await wait_until(lambda: readiness.ready, timeout_seconds=15, what="readiness")
    assert (await rename(stub, cached.id, "Augusta")).version == 2


async def test_with_kafka_away_changes_wait_and_leave_when_it_is_back(stub: Stub, kafka_server: Any) -> None:
    kafka_server.process.pause()
    try:
        user = await create(stub)
        await rename(stub, user.id, "Augusta")
    finally:
        kafka_server.process.resume()
    assert [event.user.version for event in await changes(kafka_server, user.id, 2)] == [1, 2]
