"""The Kafka edge over a broker in memory: what is committed when, kept aside, held back, given up at a stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest

from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.scheduler.v1.message_cancelled_pb2 import MessageCancelled
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service.adapters.kafka import KafkaAnnouncer
from notifier_service.adapters.memory import MemoryLedger, MemorySentHints, ScriptedDispatcher
from notifier_service.consumer.cancelled import take_cancelled
from notifier_service.consumer.desk import DueDesk
from notifier_service.consumer.due import Bounds, DueConsumer
from notifier_service.consumer.parsing import parse_cancelled, parse_due
from notifier_service.domain import Result, State, Terms, Tried
from notifier_service.service import DeliveryService, Pace
from servicekit.clock import SystemClock
from servicekit.errors import Unavailable
from servicekit.kafka import BatchConsumer, Partition, Record, Sieve
from servicekit.runtime import Backoff
from servicekit.testing import MemoryBroker, MemoryConsumer, MemoryProducer, wait_until

Make = Callable[..., MessageDue]
Groups = AsyncIterator[Sequence[tuple[int, Result]]]
GROUP = "notifier.due"
QUICKLY = Backoff(first=0.01, longest=0.02)


class Edge:
    """A due consumer and a cancelled consumer among doubles."""

    def __init__(self, now_us: int) -> None:
        self.broker = MemoryBroker(partitions=2)
        self.producer = MemoryProducer(self.broker)
        self.ledger = MemoryLedger(lambda: now_us, Terms())
        self.played: list[Tried] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.dispatcher = ScriptedDispatcher(self._play)
        self.desk = DueDesk(SystemClock(), most_parked=5)
        announcer = KafkaAnnouncer(self.producer, "outcome", "dead-letter")
        self.service = DeliveryService(
            self.ledger,
            MemorySentHints(),
            self.dispatcher,
            announcer,
            self.desk,
            clock=SystemClock(),
            terms=Terms(),
            pace=Pace(gather_seconds=0, backoff=QUICKLY),
        )
        self.kafka = MemoryConsumer(self.broker, group=GROUP, topics=["due"])
        self.due = DueConsumer(
            self.kafka,
            Sieve("test.due", parse_due, self.producer, "poison"),
            self.desk,
            self.service,
            SystemClock(),
            Bounds(batches_in_flight=2, batch_records=100, probe_records=1, grace_seconds=4.5, held_backoff=QUICKLY),
        )
        questions = MemoryConsumer(self.broker, group="notifier.cancelled", topics=["cancelled"])
        cancelled_sieve = Sieve("test.cancelled", parse_cancelled, self.producer, "poison")
        self.cancelled = BatchConsumer(questions, cancelled_sieve, partial(take_cancelled, self.service), grace_seconds=1)

    async def _play(self, payloads: Sequence[bytes]) -> Groups:
        for position in range(len(payloads)):
            await self.answering.wait()
            yield [(position, Result(self.played.pop(0) if self.played else Tried.ACCEPTED, provider="p", calls=1))]

    async def emit(self, *dues: MessageDue) -> None:
        await self.broker.append([Record("due", due.user_id, due.SerializeToString()) for due in dues])

    def committed(self) -> int:
        return sum(offset for (group, _), offset in self.broker.committed.items() if group == GROUP)

    def outcomes(self) -> list[MessageOutcome]:
        return [MessageOutcome.FromString(record.value) for record in self.broker.records("outcome")]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.due.start()
        await self.cancelled.start()
        try:
            yield
        finally:
            await self.due.stop()
            await self.cancelled.stop()


@pytest.fixture
def edge(now_us: int) -> Edge:
    return Edge(now_us)


async def test_offsets_are_committed_when_outcomes_are_stored(edge: Edge, due_record: Make) -> None:
    async with edge.running():
        await edge.emit(*[due_record() for _ in range(20)])
        await wait_until(lambda: edge.committed() == 20)
        assert len(edge.outcomes()) == 20


async def test_offset_last_nothing_is_committed_while_kafka_takes_no_outcomes(edge: Edge, due_record: Make) -> None:
    edge.producer.failure = Unavailable()
    async with edge.running():
        await edge.emit(due_record())
        await wait_until(lambda: edge.ledger.entries and next(iter(edge.ledger.entries.values())).state is State.SENT)
        await asyncio.sleep(0.3)
        assert edge.committed() == 0
        edge.producer.failure = None
        await wait_until(lambda: edge.committed() == 1)
    assert [outcome.result for outcome in edge.outcomes()] == [MessageOutcome.SENT]


async def test_a_parked_record_holds_its_offset_and_the_partition_goes_on(edge: Edge, due_record: Make) -> None:
    waiting, going = due_record(), due_record()
    await edge.ledger.claim([parse_due(waiting.SerializeToString())])
    async with edge.running():
        await edge.emit(waiting, due_record(), going)
        await wait_until(lambda: len(edge.outcomes()) == 2)
        assert edge.committed() < 3


async def test_a_partition_with_too_many_parked_is_paused_and_then_resumed(edge: Edge, due_record: Make) -> None:
    dues = [due_record() for _ in range(20)]
    claims = await edge.ledger.claim([parse_due(due.SerializeToString()) for due in dues])
    assert len(claims.judgements) == 20
    async with edge.running():
        await edge.emit(*dues)
        await wait_until(edge.desk.crowded)
        await wait_until(lambda: edge.kafka._held, what="the pause")
        edge.ledger.entries.clear()
        await wait_until(lambda: edge.committed() == 20)
        await wait_until(lambda: not edge.kafka._held, what="the end of the pause")


async def test_not_tried_is_probed_by_a_few_and_nothing_new_is_taken_in(edge: Edge, due_record: Make) -> None:
    edge.played = [Tried.NOT_TRIED] * 6
    async with edge.running():
        await edge.emit(*[due_record() for _ in range(3)])
        await wait_until(lambda: not edge.desk.takes_new.is_set())
        await edge.emit(due_record())
        await wait_until(lambda: edge.committed() == 4)
    sizes = [len(payloads) for payloads, _ in edge.dispatcher.slices]
    assert sizes[1:4] == [1, 1, 1]
    assert all(entry.attempts == 1 for entry in edge.ledger.entries.values())


async def test_poison_is_kept_aside_before_its_offset_is_committed(edge: Edge, due_record: Make) -> None:
    async with edge.running():
        await edge.broker.append([Record("due", b"k", b"\xff\xff")])
        await edge.emit(due_record())
        await wait_until(lambda: edge.committed() == 2)
    (kept,) = edge.broker.records("poison")
    assert (kept.key, kept.value) == (b"k", b"\xff\xff")
    headers = dict(kept.headers)
    assert (headers["source-topic"], headers["error"]) == (b"due", b"no such message")


async def test_too_much_poison_stops_the_intake_and_keeps_none_of_it(edge: Edge, due_record: Make) -> None:
    async with edge.running():
        await edge.broker.append([Record("due", b"k", b"\xff") for _ in range(30)])
        await asyncio.sleep(0.4)
        assert edge.committed() == 0
        assert edge.broker.records("poison") == []
        await edge.emit(due_record())
        await asyncio.sleep(0.3)
        assert edge.outcomes() == []


async def test_a_stop_waits_for_what_is_in_hand(edge: Edge, due_record: Make) -> None:
    edge.answering.clear()
    async with edge.running():
        await edge.emit(due_record())
        await wait_until(lambda: edge.dispatcher.slices)
        asyncio.get_running_loop().call_later(0.2, edge.answering.set)
    assert edge.committed() == 1


async def test_a_stop_leaves_held_and_parked_records_to_others(edge: Edge, due_record: Make, now_us: int) -> None:
    edge.played = [Tried.NOT_TRIED] * 100
    async with edge.running():
        await edge.emit(due_record(), due_record(not_before=600))
        await wait_until(lambda: edge.dispatcher.slices)
    assert edge.committed() == 0
    assert [entry.state for entry in edge.ledger.entries.values()] == [State.RELEASED]


async def test_revoked_partitions_are_finished_and_committed_first(edge: Edge, due_record: Make) -> None:
    edge.answering.clear()
    async with edge.running():
        await edge.emit(due_record(), due_record())
        await wait_until(lambda: edge.dispatcher.slices)
        asyncio.get_running_loop().call_later(0.1, edge.answering.set)
        await edge.due.revoked(frozenset({Partition("due", 0), Partition("due", 1)}))
        assert edge.committed() == 2


async def test_a_loop_that_fails_ends_the_part(edge: Edge, due_record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(dues: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(edge.service, "deliver", fail)
    await edge.due.start()
    await edge.emit(due_record())
    with pytest.raises(ExceptionGroup, match="TaskGroup"):
        await edge.due.wait()
    assert edge.committed() == 0


async def test_cancels_are_answered_and_then_committed(edge: Edge, due_record: Make) -> None:
    due = due_record()
    async with edge.running():
        questions = [MessageCancelled(id=due.id, revision=revision, user_id=due.user_id) for revision in (1, 3, 2)]
        await edge.broker.append([Record("cancelled", due.user_id, each.SerializeToString()) for each in questions])
        await wait_until(lambda: ("notifier.cancelled", Partition("cancelled", 0)) in edge.broker.committed or edge.outcomes())
        await wait_until(lambda: sum(o for (g, _), o in edge.broker.committed.items() if g == "notifier.cancelled") == 3)
    (outcome,) = edge.outcomes()
    assert (outcome.result, outcome.revision) == (MessageOutcome.CANCELLED, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": b"short"}, "16 bytes"),
        ({"user_id": b""}, "16 bytes"),
        ({"id": bytes(16)}, "not a message's"),
        ({"id": bytes.fromhex("20261399000080008000000000000000")}, "names no date"),
        ({"revision": 0}, "not positive"),
        ({"email": ""}, "without email"),
        ({"kind": "", "variant": ""}, "without kind, variant"),
        ({"kind": "birth\0day"}, "null character"),
    ],
)
def test_a_record_that_breaks_its_topics_promise_is_unreadable(due_record: Make, change: dict[str, object], said: str) -> None:
    record = due_record()
    for field, value in change.items():
        setattr(record, field, value)
    with pytest.raises(ValueError, match=said):
        parse_due(record.SerializeToString())


def test_a_record_without_its_times_is_unreadable(due_record: Make) -> None:
    record = due_record()
    record.ClearField("not_after_time")
    with pytest.raises(ValueError, match="without not_after_time"):
        parse_due(record.SerializeToString())


def test_bytes_that_are_no_message_are_unreadable() -> None:
    for parse in (parse_due, parse_cancelled):
        with suppress(AssertionError), pytest.raises(ValueError, match="no such message"):
            parse(b"\xff\xff\xff")
