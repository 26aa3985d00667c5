from collections.abc import Mapping, Sequence

from prometheus_client import REGISTRY

from servicekit.errors import Unavailable
from servicekit.kafka import BatchConsumer, Record, Sieve, Unreadable
from servicekit.testing import MemoryBroker, MemoryConsumer, MemoryProducer, wait_until

POISON_TOPIC = "poison"


class Taker:
    """Takes numbers; `fails` times it cannot."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.taken: list[int] = []
        self.offsets: dict[tuple[str, int], int] = {}

    async def take(self, numbers: Sequence[int], offsets: Mapping[tuple[str, int], int]) -> None:
        if self.fails:
            self.fails -= 1
            raise Unavailable
        self.taken += numbers
        self.offsets |= offsets


def number(value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        raise Unreadable("no number") from None


class Bench:
    """A consumer of numbers over a broker in memory."""

    def __init__(self, taker: Taker) -> None:
        self.taker = taker
        self.broker = MemoryBroker(partitions=1)
        self.producer = MemoryProducer(self.broker)
        self.kafka = MemoryConsumer(self.broker, group="test", topics=["numbers"])
        self.consumer = BatchConsumer(self.kafka, Sieve("test", number, self.producer, POISON_TOPIC), taker.take, grace_seconds=1)

    async def send(self, *values: bytes) -> None:
        await self.broker.append([Record("numbers", b"k", value) for value in values])

    @property
    def committed(self) -> list[int]:
        return list(self.broker.committed.values())


async def test_a_batch_is_taken_with_its_offsets_and_then_committed() -> None:
    bench = Bench(Taker())
    await bench.send(b"1", b"2", b"3")
    await bench.consumer.start()
    await wait_until(lambda: bench.committed == [3])
    await bench.consumer.stop()
    assert (bench.taker.taken, bench.taker.offsets) == ([1, 2, 3], {("numbers", 0): 3})


async def test_it_is_offered_again_until_it_is_taken() -> None:
    bench = Bench(Taker(fails=2))
    await bench.send(b"1")
    await bench.consumer.start()
    await wait_until(lambda: bench.committed == [1])
    await bench.consumer.stop()
    assert bench.taker.taken == [1]


async def test_what_cannot_be_read_goes_to_the_poison_topic_and_the_rest_goes_on() -> None:
    bench = Bench(Taker())
    await bench.send(b"1", b"two", b"3")
    await bench.consumer.start()
    await wait_until(lambda: bench.committed == [3])
    await bench.consumer.stop()
    [poison] = bench.broker.records(POISON_TOPIC)
    assert (bench.taker.taken, poison.value) == ([1, 3], b"two")
    assert dict(poison.headers)["source-offset"] == b"1"


async def test_while_poison_cannot_be_kept_nothing_is_taken() -> None:
    bench = Bench(Taker())
    bench.producer.failure = Unavailable()
    await bench.send(b"two", b"3")
    await bench.consumer.start()
    await wait_until(bench.consumer._in_hand.locked)
    assert (bench.taker.taken, bench.committed) == ([], [])
    bench.producer.failure = None
    await wait_until(lambda: bench.committed == [2])
    await bench.consumer.stop()
    assert bench.taker.taken == [3]


async def test_too_much_poison_stops_the_consumer_and_keeps_the_topic() -> None:
    bench = Bench(Taker())
    await bench.send(*[b"x"] * 30)
    await bench.consumer.start()
    await wait_until(lambda: REGISTRY.get_sample_value("kafka_poison_stopped", {"group": "test"}))
    await bench.consumer.stop()
    assert (bench.committed, bench.broker.records(POISON_TOPIC)) == ([], [])
