"""Kafka as it may behave: partitions in any order, records again after a rebalance, acknowledgements and whole topics lost."""

import asyncio
import zlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from servicekit.kafka import KafkaUnavailable, Partition, Received, Record, Watermarks
from servicekit.loops import pause
from simulation.chance import Chance
from simulation.virtual import VirtualClock

PARTITIONS = 8
MOST_IN_A_BATCH = 40
#: What is not stored by then is not stored any more.
ACKNOWLEDGED_SECONDS = 10.0
LOOK_EVERY_SECONDS = 1.0

Stored = Callable[[Collection[Partition]], Awaitable[Mapping[Partition, int]]]


class Broker:
    """All topics."""

    def __init__(self, clock: VirtualClock, chance: Chance) -> None:
        self.clock = clock
        self.chance = chance
        self.logs: defaultdict[Partition, list[Received]] = defaultdict(list)
        self.lows: Counter[Partition] = Counter()
        self.groups: dict[str, Group] = {}
        self.away_until = 0.0

    def group(self, name: str, topic: str) -> "Group":
        return self.groups.setdefault(name, Group(self, topic))

    def append(self, records: Sequence[Record]) -> None:
        for record in records:
            partition = Partition(record.topic, zlib.crc32(record.key) % PARTITIONS)
            log = self.logs[partition]
            log.append(Received(partition, len(log), self.clock.now_us() // 1000, record.key, record.value, record.headers))
        for group in self.groups.values():
            group.wake()

    def lose(self, topic: str) -> None:
        """All records of a topic are gone, read or not."""
        for partition in partitions(topic):
            self.lows[partition] = len(self.logs[partition])

    async def produce(self, records: Sequence[Record]) -> None:
        """The Producer port: when an acknowledgement is missing, any part of the records may be stored."""
        if not records:
            return
        try:
            async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
                await self.chance.before("kafka.produce")
        except TimeoutError:
            raise KafkaUnavailable from None
        if self.clock.monotonic() < self.away_until:
            raise KafkaUnavailable
        if self.chance.happens(0.01, "acknowledgement lost"):
            self.append([record for record in records if self.chance.random.random() < 0.5])
            raise KafkaUnavailable
        self.append(records)
        await self.chance.after("kafka.produce")


class Group:
    """A consumer group of one topic."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.broker = broker
        self.topic = topic
        self.committed: dict[Partition, int] = {}
        self.members: list[Member] = []

    def wake(self) -> None:
        for member in self.members:
            member.awake.set()

    def join(self, member: "Member") -> None:
        self.members.append(member)
        self.rebalance()

    def leave(self, member: "Member") -> None:
        if member in self.members:
            self.members.remove(member)
            member.end()
            self.rebalance()

    def rebalance(self) -> None:
        if not self.members:
            return
        parts = list(partitions(self.topic))
        self.broker.chance.random.shuffle(parts)
        shares = {member: frozenset(parts[number :: len(self.members)]) for number, member in enumerate(self.members)}
        for member, share in shares.items():
            member.assign(share & member.assigned())
        for member, share in shares.items():
            member.assign(share)

    def rewind(self) -> None:
        """The last commits of a partition are lost, and its records come again."""
        chance = self.broker.chance.random
        for partition, at in self.committed.items():
            if chance.random() < 0.5:
                self.committed[partition] = max(self.broker.lows[partition], at - chance.randint(0, 5))
        for member in self.members:
            member.assign(frozenset())
        self.rebalance()

    def begin(self, partition: Partition) -> int:
        return max(self.committed.get(partition, 0), self.broker.lows[partition])


class Member:
    """The Consumer port. `revoked` is told at once, as when a session has timed out: what is in hand goes on as a stranger's."""

    def __init__(self, group: Group, *, stored: Stored | None = None, revoked: Callable[[frozenset[Partition]], None] | None = None):
        self._group = group
        self._stored = stored
        self._revoked = revoked
        self._assigned: frozenset[Partition] = frozenset()
        self._held: frozenset[Partition] = frozenset()
        self._at: dict[Partition, int] = {}
        self._ended = asyncio.Event()
        self.awake = asyncio.Event()

    def assign(self, assigned: frozenset[Partition]) -> None:
        taken_away = self._assigned - assigned
        self._assigned = assigned
        self._held &= assigned
        for partition in taken_away:
            self._at.pop(partition, None)
        if taken_away and self._revoked:
            self._revoked(taken_away)
        self.awake.set()

    def end(self) -> None:
        self._ended.set()
        self.assign(frozenset())

    def assigned(self) -> frozenset[Partition]:
        return self._assigned

    async def batches(self, stopping: asyncio.Event | None = None) -> AsyncIterator[list[Received]]:
        ends = (self._ended, stopping or self._ended)
        while not any(end.is_set() for end in ends):
            self.awake.clear()
            if batch := await self._next():
                yield batch
            elif stopping is None:
                await self.awake.wait()
            else:
                await pause(LOOK_EVERY_SECONDS, self.awake, stopping)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        if not self._group.broker.chance.happens(0.02, "commit lost"):
            self._group.committed |= {partition: at for partition, at in offsets.items() if partition in self._assigned}

    async def pause(self, partitions: Collection[Partition]) -> None:
        self._held |= self._assigned & frozenset(partitions)

    async def resume(self, partitions: Collection[Partition]) -> None:
        self._held -= frozenset(partitions)
        self.awake.set()

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        return {partition: at for partition, at in self._group.committed.items() if partition in partitions}

    async def watermarks(self, partitions: Collection[Partition]) -> dict[Partition, Watermarks]:
        broker = self._group.broker
        return {partition: Watermarks(broker.lows[partition], len(broker.logs[partition])) for partition in partitions}

    async def _next(self) -> list[Received]:
        broker = self._group.broker
        if self._stored and (new := self._assigned - self._at.keys()):
            stored = await self._stored(new)
            self._at |= {partition: stored.get(partition, self._group.begin(partition)) for partition in new & self._assigned}
        batch: list[Received] = []
        order = sorted(self._assigned - self._held)
        broker.chance.random.shuffle(order)
        for partition in order:
            start = max(self._at.get(partition, self._group.begin(partition)), broker.lows[partition])
            batch += broker.logs[partition][start : start + MOST_IN_A_BATCH]
            self._at[partition] = min(start + MOST_IN_A_BATCH, len(broker.logs[partition]))
        return batch


class Backlog:
    """The scheduler's Backlog port: how far the consumers of the due topic have come."""

    def __init__(self, group: Group) -> None:
        self._group = group

    async def unread_since(self) -> Mapping[int, datetime | None]:
        return {partition.number: self._oldest(partition) for partition in partitions(self._group.topic)}

    def partition_of(self, user_id: bytes) -> int:
        return zlib.crc32(user_id) % PARTITIONS

    def _oldest(self, partition: Partition) -> datetime | None:
        unread = self._group.broker.logs[partition][self._group.begin(partition) :]
        return datetime.fromtimestamp(unread[0].timestamp_ms / 1000, UTC) if unread else None


def partitions(topic: str) -> list[Partition]:
    return [Partition(topic, number) for number in range(PARTITIONS)]
