"""Records that can be read, and those that are kept aside."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import structlog

from servicekit.kafka.poison import PoisonGuard, Unreadable, dead_letter
from servicekit.kafka.ports import Producer
from servicekit.kafka.records import Received, Record
from servicekit.loops import insist

_log = structlog.get_logger()
T = TypeVar("T")


class Sifted(NamedTuple, Generic[T]):
    """A batch in two: what could be read, and what could not, as it is to be kept."""

    readable: list[tuple[Received, T]]
    poison: list[Received]
    kept: list[Record]


class Sieve(Generic[T]):
    """Parses a consumer group's batches, and stores what is poison on a topic of its own. `parse` raises Unreadable."""

    def __init__(self, group: str, parse: Callable[[bytes], T], producer: Producer, topic: str) -> None:
        self.group = group
        self._parse = parse
        self._guard = PoisonGuard(group)
        self._producer = producer
        self._topic = topic

    def sift(self, batch: Sequence[Received]) -> Sifted[T]:
        """Raises TooManyPoisonRecords; then nothing of the batch is to be kept aside or committed."""
        sifted: Sifted[T] = Sifted([], [], [])
        for received in batch:
            try:
                sifted.readable.append((received, self._parse(received.value)))
            except Unreadable as error:
                position, offset = str(received.partition), received.offset
                _log.error("record.poison", group=self.group, position=position, offset=offset, wrong=str(error))
                sifted.poison.append(received)
                sifted.kept.append(dead_letter(received, error, self._topic))
        self._guard.saw(len(batch), len(sifted.poison))
        return sifted

    async def store(self, kept: Sequence[Record]) -> None:
        """Return when these are stored, however long Kafka takes."""
        if kept:
            await insist(lambda: self._producer.produce(kept))
