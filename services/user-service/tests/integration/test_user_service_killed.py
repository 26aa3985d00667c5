"""The process as it is started, killed with kill -9 where it hurts."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import grpc
import pytest
from confluent_kafka import Consumer

from backing.ports import free_port
from heyday.user.v1 import user_pb2, user_service_pb2, user_service_pb2_grpc
from heyday.user.v1.user_changed_pb2 import UserChanged
from user_service import bootstrap

ADA = user_pb2.User(first_name="Ada", last_name="Lovelace", email="ada@example.com", timezone="Europe/London", birthday="1990-12-10")


@pytest.fixture
def environ(database: Callable[..., Any], redis_url: str, kafka_server: Any, topics: None) -> dict[str, str]:
    return {
        "ENVIRONMENT": "test",
        "DATABASE_URL": database("users").url,
        "REDIS_URL": redis_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_server.bootstrap_servers,
        "GRPC_ADDRESS": f"127.0.0.1:{free_port()}",
        "METRICS_ADDRESS": "127.0.0.1:0",
    }


@contextmanager
def running(environ: dict[str, str], **more: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "user_service"], env={**os.environ, **environ, **more}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stub(environ: dict[str, str]) -> Any:
    channel: Any = grpc.insecure_channel(environ["GRPC_ADDRESS"])
    grpc.channel_ready_future(channel).result(30)
    return user_service_pb2_grpc.UserServiceStub(channel)


def versions(kafka_server: Any, user_id: str, until: int) -> list[int]:
    """The versions told of, in the order of the topic, up to one."""
    consumer = Consumer({"bootstrap.servers": kafka_server.bootstrap_servers, "group.id": user_id, "auto.offset.reset": "earliest"})
    consumer.subscribe([bootstrap.TOPIC])
    found = [0]
    while found[-1] < until:
        record = consumer.poll(30)
        assert record, f"the topic ends with versions {found}"
        if record.key() == UUID(user_id).bytes:
            found.append(UserChanged.FromString(record.value() or b"").user.version)
    consumer.close()
    return found[1:]


def test_killed_between_the_acknowledgement_and_its_note_it_repeats_events_and_loses_none(
    environ: dict[str, str], kafka_server: Any
) -> None:
    with running(environ, FAILPOINTS=json.dumps({"outbox.after_acknowledgement": "kill@1"})) as process:
        user = stub(environ).CreateUser(user_service_pb2.CreateUserRequest(user=ADA))
        assert process.wait(30) == -9
    with running(environ):
        named = user_pb2.User(id=user.id, first_name="Augusta")
        assert stub(environ).UpdateUser(user_service_pb2.UpdateUserRequest(user=named)).version == 2
        assert versions(kafka_server, user.id, 2) == [1, 1, 2]
