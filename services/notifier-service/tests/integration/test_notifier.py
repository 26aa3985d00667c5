"""The whole service on real Postgres, Redis and Kafka, with a dispatcher that plays what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from heyday.dispatcher.v1.dispatcher_service_pb2 import DispatchResult
from heyday.notifier.v1.delivery_pb2 import DeadLetter
from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.scheduler.v1.message_cancelled_pb2 import MessageCancelled
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service import bootstrap
from notifier_service.settings import Settings
from servicekit import topics
from servicekit.kafka import KafkaProducer, Record
from servicekit.runtime import Readiness, supervise
from servicekit.settings import Environment, KafkaSettings
from servicekit.testing import wait_until


class Topic:
    """Reads all of a topic."""

    def __init__(self, bootstrap_servers: str, name: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "tests", "enable.auto.commit": False})
        numbers = self._consumer.list_topics(name).topics[name].partitions
        self._consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in numbers])
        self.seen: list[Any] = []

    def read(self) -> list[Any]:
        self.seen += [message for message in self._consumer.consume(1000, 0.05) if message.error() is None]
        return self.seen

    def close(self) -> None:
        self._consumer.close()


class Mesh:
    """The world around one notifier."""

    def __init__(self, settings: dict[str, Any], producer: KafkaProducer) -> None:
        self._settings = settings
        self._producer = producer
        servers = settings["kafka_bootstrap_servers"]
        self.outcome_topic = Topic(servers, bootstrap.OUTCOME_TOPIC)
        self.dead_letter_topic = Topic(servers, bootstrap.DEAD_LETTER_TOPIC)
        self.poison_topic = Topic(servers, bootstrap.POISON_TOPIC)

    @asynccontextmanager
    async def notifier(self, **settings: Any) -> AsyncIterator[None]:
        """One replica; stopped as by SIGTERM at the end of the block."""
        read = Settings(**{**self._settings, **settings})
        readiness, stop = Readiness(), asyncio.Event()
        running = asyncio.create_task(
            supervise(bootstrap.build(read, readiness), stop, grace_seconds=read.shutdown_grace_seconds, readiness=readiness)
        )
        await wait_until(lambda: readiness.ready or running.done(), timeout_seconds=30, what="the notifier to be ready")
        try:
            yield
        finally:
            stop.set()
            assert await running == 0

    async def emit(self, records: Sequence[MessageDue]) -> None:
        await self._producer.produce([Record(bootstrap.DUE_TOPIC, each.user_id, each.SerializeToString()) for each in records])

    async def cancel(self, due: MessageDue, revision: int) -> None:
        question = MessageCancelled(id=due.id, revision=revision, user_id=due.user_id)
        await self._producer.produce([Record(bootstrap.CANCELLED_TOPIC, due.user_id, question.SerializeToString())])

    async def produce(self, topic: str, key: bytes, value: bytes) -> None:
        await self._producer.produce([Record(topic, key, value)])

    def outcomes(self, of: Sequence[MessageDue]) -> list[MessageOutcome]:
        ids = {each.id for each in of}
        found = [MessageOutcome.FromString(message.value()) for message in self.outcome_topic.read()]
        return [outcome for outcome in found if outcome.id in ids]

    async def outcomes_of(self, *of: MessageDue, least: int = 0) -> list[MessageOutcome]:
        await wait_until(lambda: len(self.outcomes(of)) >= (least or len(of)), timeout_seconds=20, what="outcomes")
        return self.outcomes(of)

    def dead_letters(self, of: MessageDue) -> list[DeadLetter]:
        letters = [DeadLetter.FromString(message.value()) for message in self.dead_letter_topic.read()]
        return [letter for letter in letters if UUID(letter.id).bytes == of.id]


def all_led(bootstrap_servers: str) -> bool:
    """A fresh topic's partitions take records only once each has a leader."""
    found = AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=10).topics
    return all(partition.leader >= 0 for name in bootstrap.TOPICS for partition in found[name].partitions.values())


@pytest.fixture
async def mesh(kafka_server: Any, redis_url: str, database: Callable[..., Any], dispatcher: Any) -> AsyncIterator[Mesh]:
    topics.create(kafka_server.bootstrap_servers)
    await wait_until(lambda: all_led(kafka_server.bootstrap_servers), timeout_seconds=60, interval_seconds=0.2, what="leaders")
    producer = KafkaProducer(KafkaSettings(kafka_bootstrap_servers=kafka_server.bootstrap_servers))
    await producer.start()
    settings = {
        "environment": Environment.TEST,
        "database_url": database("notifier").url,
        "kafka_bootstrap_servers": kafka_server.bootstrap_servers,
        "redis_url": redis_url,
        "dispatcher_service_target": dispatcher[1],
        "grpc_address": "127.0.0.1:0",
        "metrics_address": "",
        "shutdown_grace_seconds": 10,
    }
    mesh = Mesh(settings, producer)
    yield mesh
    for topic in (mesh.outcome_topic, mesh.dead_letter_topic, mesh.poison_topic):
        topic.close()
    await producer.stop()


Make = Callable[..., MessageDue]


async def test_each_due_message_is_dispatched_once_and_told_as_sent(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    dues = [due_record() for _ in range(1200)]
    async with mesh.notifier():
        await mesh.emit(dues)
        outcomes = await mesh.outcomes_of(*dues)
    assert {outcome.result for outcome in outcomes} == {MessageOutcome.SENT}
    assert len(outcomes) == len(dues)
    assert set(dispatcher[0].calls.values()) == {1}
    assert max(dispatcher[0].slices) <= 500
    assert all(outcome.provider_message_id == outcome.id.hex() for outcome in outcomes)


async def test_a_record_that_comes_again_is_told_again_and_not_sent_again(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        await mesh.outcomes_of(due)
        await mesh.emit([due])
        outcomes = await mesh.outcomes_of(due, least=2)
    assert [outcome.result for outcome in outcomes] == [MessageOutcome.SENT] * 2
    assert dispatcher[0].calls[due.id] == 1


async def test_without_redis_nothing_is_sent_twice(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    due = due_record()
    async with mesh.notifier(redis_url="redis://127.0.0.1:9/0"):
        await mesh.emit([due])
        await mesh.outcomes_of(due)
        await mesh.emit([due])
        await mesh.outcomes_of(due, least=2)
    assert dispatcher[0].calls[due.id] == 1


async def test_a_refusal_is_told_as_a_retry_with_its_time(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].play = lambda due, call: DispatchResult(result="REFUSED", reason="http_503")
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert (outcome.result, outcome.attempt, outcome.reason) == (MessageOutcome.RETRY, 1, "http_503")
    assert outcome.HasField("next_attempt_time")


async def test_a_permanent_refusal_is_a_dead_letter_before_it_is_told(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].play = lambda due, call: DispatchResult(result="PERMANENT", reason="http_422", detail="no such mailbox")
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert outcome.result == MessageOutcome.FAILED
    (letter,) = mesh.dead_letters(due)
    assert (letter.reason, letter.detail) == ("http_422", "no such mailbox")


async def test_a_cancel_overtakes_its_message(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    due = due_record()
    async with mesh.notifier():
        await mesh.cancel(due, 1)
        await mesh.outcomes_of(due)
        await mesh.emit([due])
        outcomes = await mesh.outcomes_of(due, least=2)
    assert {outcome.result for outcome in outcomes} == {MessageOutcome.CANCELLED}
    assert dispatcher[0].calls[due.id] == 0


async def test_an_early_message_is_waited_for_in_place(mesh: Mesh, dispatcher: Any, due_record: Make, now_us: int) -> None:
    due = due_record(not_before=4)
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert outcome.sent_time.ToMicroseconds() >= due.not_before_time.ToMicroseconds()


async def test_not_tried_is_kept_and_tried_again_without_an_attempt(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].play = lambda due, call: DispatchResult(result="NOT_TRIED" if call < 3 else "ACCEPTED", reason="breaker_open")
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert (outcome.result, outcome.attempt) == (MessageOutcome.SENT, 1)


async def test_a_cut_call_leaves_its_messages_unsure(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    dispatcher[0].play = lambda due, call: None
    due = due_record()
    async with mesh.notifier():
        await mesh.emit([due])
        (outcome,) = await mesh.outcomes_of(due)
    assert (outcome.result, outcome.unsure, outcome.reason) == (MessageOutcome.RETRY, True, "no_result")


async def test_poison_is_kept_with_its_bytes_and_position_and_the_partition_goes_on(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    due = due_record()
    async with mesh.notifier():
        await mesh.produce(bootstrap.DUE_TOPIC, due.user_id, b"\xffnonsense")
        await mesh.emit([due])
        await mesh.outcomes_of(due)
        await wait_until(lambda: any(m.key() == due.user_id for m in mesh.poison_topic.read()), what="the poison")
    headers = dict(next(m for m in mesh.poison_topic.seen if m.key() == due.user_id).headers())
    assert headers["source-topic"].decode() == bootstrap.DUE_TOPIC
    assert int(headers["source-offset"]) >= 0


async def test_sigterm_finishes_what_is_in_flight_and_commits(mesh: Mesh, dispatcher: Any, due_record: Make) -> None:
    dues = [due_record() for _ in range(50)]
    dispatcher[0].gate.clear()
    async with mesh.notifier():
        await mesh.emit(dues)
        await wait_until(lambda: dispatcher[0].slices, timeout_seconds=20, what="a call")
        asyncio.get_running_loop().call_later(1, dispatcher[0].gate.set)
    assert {outcome.result for outcome in await mesh.outcomes_of(*dues)} == {MessageOutcome.SENT}
    async with mesh.notifier():
        await asyncio.sleep(2)
    assert set(dispatcher[0].calls.values()) == {1}
    assert len(mesh.outcomes(dues)) == len(dues)
