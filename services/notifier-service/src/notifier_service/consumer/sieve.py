"""Records that can be read, and those that are kept aside."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import structlog

from notifier_service.consumer.parsing import Unreadable
from servicekit.errors import Unavailable
from servicekit.kafka import PoisonGuard, Producer, Received, Record, dead_letter
from servicekit.runtime import Backoff

_log = structlog.get_logger()
T = TypeVar("T")


class Sifted(NamedTuple, Generic[T]):
    """A batch in two: what could be read, and what could not, as it is to be kept."""

    readable: list[tuple[Received, T]]
    poison: list[Received]
    kept: list[Record]


class Sieve(Generic[T]):
    """Parses batches, and stores what is poison on a topic of its own."""

    def __init__(self, parse: Callable[[bytes], T], guard: PoisonGuard, producer: Producer, topic: str) -> None:
        self._parse = parse
        self._guard = guard
        self._producer = producer
        self._topic = topic

    def sift(self, batch: Sequence[Received]) -> Sifted[T]:
        """Raises TooManyPoisonRecords; then nothing of the batch is to be kept aside or committed."""
        sifted: Sifted[T] = Sifted([], [], [])
        for received in batch:
            try:
                sifted.readable.append((received, self._parse(received.value)))
            except Unreadable as error:
                _log.error("record.poison", position=str(received.partition), offset=received.offset, error=str(error))
                sifted.poison.append(received)
                sifted.kept.append(dead_letter(received, error, self._topic))
        self._guard.saw(len(batch), len(sifted.poison))
        return sifted

    async def store(self, kept: Sequence[Record]) -> None:
        """Return when these are stored, however long Kafka takes."""
        failures = 0
        while kept:
            try:
                await self._producer.produce(kept)
                kept = ()
            except Unavailable:
                failures += 1
                await asyncio.sleep(Backoff().seconds(failures))
