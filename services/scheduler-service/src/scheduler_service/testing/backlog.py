"""What the Backlog port promises, held against Kafka and whatever stands in for it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from scheduler_service.ports import Backlog
from scheduler_service.testing.delivery import now

USERS: Sequence[bytes] = [bytes([number]) * 16 for number in range(12)]


class BacklogWorld(Protocol):
    """The due topic and who reads it."""

    @property
    def backlog(self) -> Backlog: ...

    async def append(self, user_id: bytes) -> int:
        """Put a record on the topic; return the partition it went to."""

    async def commit(self, partition: int, offset: int) -> None:
        """All before this offset is done."""

    async def lose(self) -> None:
        """All that is on the topic is gone, read or not."""


class BacklogContract:
    async def test_nothing_is_unread_where_nothing_was_emitted(self, world: BacklogWorld) -> None:
        assert set((await world.backlog.unread_since()).values()) == {None}

    async def test_the_oldest_unread_record_of_each_partition_tells_since_when(self, world: BacklogWorld) -> None:
        began = as_kafka_tells()
        first = await world.append(USERS[0])
        between = as_kafka_tells() + timedelta(milliseconds=5)
        await asyncio.sleep(0.01)
        others = {await world.append(user) for user in USERS[1:]} - {first}
        unread = {partition: since for partition, since in (await world.backlog.unread_since()).items() if since}
        assert unread.keys() == {first, *others}
        assert others
        assert began <= unread[first] <= between
        assert all(between <= unread[other] <= as_kafka_tells() for other in others)

    async def test_what_is_committed_is_not_unread(self, world: BacklogWorld) -> None:
        partition = await world.append(USERS[0])
        await world.commit(partition, 1)
        assert (await world.backlog.unread_since())[partition] is None
        again = as_kafka_tells()
        await world.append(USERS[0])
        since = (await world.backlog.unread_since())[partition]
        assert since is not None
        assert since >= again

    async def test_what_is_gone_is_not_unread(self, world: BacklogWorld) -> None:
        partition = await world.append(USERS[0])
        await world.lose()
        assert (await world.backlog.unread_since())[partition] is None

    async def test_it_knows_where_a_users_records_go(self, world: BacklogWorld) -> None:
        went = {user: await world.append(user) for user in USERS}
        await world.backlog.unread_since()
        assert {user: world.backlog.partition_of(user) for user in USERS} == went
        assert len(set(went.values())) > 1


def as_kafka_tells() -> datetime:
    """Now, in whole milliseconds."""
    exact = now()
    return exact.replace(microsecond=exact.microsecond // 1000 * 1000)
