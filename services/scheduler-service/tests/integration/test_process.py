"""The service as a process, on real Postgres and Kafka: from a user's change to SENT, and over a kill."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Consumer, Producer

from backing.ports import free_port
from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.scheduler.v1 import message_pb2, scheduler_service_pb2, scheduler_service_pb2_grpc
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from heyday.user.v1.user_changed_pb2 import UserChanged
from heyday.user.v1.user_pb2 import User
from occasions.calendar import local_date_at
from servicekit import topics
from servicekit.grpc_client import channel
from servicekit.testing import wait_until

pb = scheduler_service_pb2

# Everywhere it is some local time; somewhere it is past nine in the morning.
ZONES = ("Pacific/Kiritimati", "Asia/Tokyo", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Pacific/Honolulu")


class Service:
    """A scheduler of its own settings, with Kafka's topics at hand."""

    def __init__(self, environment: dict[str, str], servers: str) -> None:
        self.port = free_port()
        self._environment = environment | {"GRPC_ADDRESS": f"127.0.0.1:{self.port}", "METRICS_ADDRESS": "127.0.0.1:0"}
        self.producer = Producer({"bootstrap.servers": servers})
        self._due = Consumer({"bootstrap.servers": servers, "group.id": str(uuid4()), "auto.offset.reset": "earliest"})
        self._due.subscribe(["heyday.scheduler.v1.message-due"])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "scheduler_service"], env=self._environment, stdout=subprocess.DEVNULL)

    def end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self) -> None:
        self._due.close()
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)

    def tell(self, topic: str, key: bytes, value: bytes) -> None:
        self.producer.produce(topic, value, key)
        self.producer.flush()

    async def due(self, user_id: UUID) -> MessageDue:
        """The next due record of a user; those that other tests left on the topic are passed over."""
        until = monotonic() + 60
        while monotonic() < until:
            record = await asyncio.to_thread(self._next_of, user_id.bytes)
            if record is not None:
                return MessageDue.FromString(record)
        raise AssertionError("no due record came")

    def _next_of(self, key: bytes) -> bytes | None:
        while (record := self._due.poll(0.1)) is not None:
            if not record.error() and record.key() == key:
                return record.value() or b""
        return None


@pytest.fixture
def service(database: Any, kafka_server: Any) -> Iterator[Service]:
    topics.create(kafka_server.bootstrap_servers)
    environment = {
        **os.environ,
        "ENVIRONMENT": "test",
        "DATABASE_URL": database("scheduler").url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_server.bootstrap_servers,
    }
    service = Service(environment, kafka_server.bootstrap_servers)
    yield service
    service.close()


@pytest.fixture
async def stub(service: Service) -> AsyncIterator[Any]:
    async with channel(f"127.0.0.1:{service.port}", default_timeout_seconds=40) as client:
        yield scheduler_service_pb2_grpc.SchedulerServiceStub(client)


def born_today(user_id: UUID, version: int = 1, email: str = "ada@example.org") -> UserChanged:
    """A user whose nine o'clock is past today."""
    now = datetime.now(UTC)
    zone = next(name for name in ZONES if _hour(name, now) >= 10)
    day = local_date_at(zone, now)
    user = User(id=str(user_id), first_name="Ada", last_name="L", email=email, timezone=zone, birthday=f"--{day:%m-%d}", version=version)
    event = UserChanged(user=user, epoch=1)
    event.change_time.FromDatetime(now)
    event.birthday_known_time.FromDatetime(now - timedelta(days=400))
    return event


def _hour(zone: str, now: datetime) -> int:
    from occasions.zones import zone as rules

    return now.astimezone(rules(zone)).hour


async def states(stub: Any, user_id: UUID) -> list[int]:
    answer = await stub.ListMessages(pb.ListMessagesRequest(user_id=str(user_id)), wait_for_ready=True)
    return [message.state for message in answer.messages]


async def test_from_a_change_to_sent(service: Service, stub: Any) -> None:
    user_id = uuid4()
    service.start()
    service.tell("heyday.user.v1.user-changed", user_id.bytes, b"\xff not a user")
    service.tell("heyday.user.v1.user-changed", user_id.bytes, born_today(user_id).SerializeToString())
    due = await service.due(user_id)
    assert (due.kind, due.revision, due.email, due.variant) == ("birthday", 1, "ada@example.org", "on_the_day")
    await wait_until(lambda: is_(stub, user_id, message_pb2.Message.QUEUED), timeout_seconds=10)

    outcome = MessageOutcome(id=due.id, revision=1, user_id=due.user_id, result=MessageOutcome.SENT, attempt=1, provider="console")
    outcome.sent_time.FromDatetime(datetime.now(UTC))
    service.tell("heyday.notifier.v1.message-outcome", due.user_id, outcome.SerializeToString())
    await wait_until(lambda: is_(stub, user_id, message_pb2.Message.SENT), timeout_seconds=20)

    [replan] = (await stub.ListReplans(pb.ListReplansRequest(user_id=str(user_id)))).replans
    assert [action.action for action in replan.actions] == ["planned"]
    assert (await stub.RunJob(pb.RunJobRequest(id="plan"))).last_run.result == "SUCCEEDED"
    assert service.end(signal.SIGTERM) == 0


async def test_killed_it_goes_on_where_it_was_and_calls_back_what_an_edit_meanwhile_changed(service: Service, stub: Any) -> None:
    user_id = uuid4()
    service.start()
    service.tell("heyday.user.v1.user-changed", user_id.bytes, born_today(user_id).SerializeToString())
    first = await service.due(user_id)
    await wait_until(lambda: is_(stub, user_id, message_pb2.Message.QUEUED), timeout_seconds=10)
    service.end(signal.SIGKILL)

    service.tell("heyday.user.v1.user-changed", user_id.bytes, born_today(user_id, 2, "new@example.org").SerializeToString())
    service.start()
    await wait_until(lambda: is_(stub, user_id, message_pb2.Message.SCHEDULED), timeout_seconds=40)

    # The ledger's answer lets it go, with the new address and a new revision.
    answer = MessageOutcome(id=first.id, revision=1, user_id=first.user_id, result=MessageOutcome.CANCELLED)
    service.tell("heyday.notifier.v1.message-outcome", first.user_id, answer.SerializeToString())
    again = await service.due(user_id)
    assert (again.id, again.revision, again.email) == (first.id, 2, "new@example.org")


async def is_(stub: Any, user_id: UUID, state: int) -> bool:
    return await states(stub, user_id) == [state]
