"""What a consumer group of several members promises, and a broker that loses records."""

import asyncio
from typing import Protocol

from servicekit.kafka import Consumer, Partition, Received, Record, Watermarks
from servicekit.testing import wait_until
from servicekit.testing.kafka_contract import Cluster, are_committed, places, read, records


class LosingCluster(Cluster, Protocol):
    """One that may lose what it holds. Its consumers take `stored_offsets`."""

    async def lose(self) -> None:
        """All records of the topic, read or not."""


class GroupContract:
    """Groups of several members, offsets kept elsewhere, and a topic that is lost."""

    async def test_members_share_the_partitions_and_who_stays_reads_what_was_not_committed(self, cluster: Cluster) -> None:
        first, second = await cluster.consumer("shares"), await cluster.consumer("shares")
        await _until_shared(first, second, cluster)
        assert not first.assigned() & second.assigned()
        await cluster.producer.produce(records(cluster.topic, 300, keys=100))
        firsts, seconds = await _until_all_is_read(first, second, 300)
        assert places(firsts).isdisjoint(places(seconds))
        theirs = first.assigned()
        await first.commit(dict.fromkeys(theirs, 3))
        await cluster.stop(first)
        await wait_until(lambda: theirs <= second.assigned(), timeout_seconds=30, what="the share of who left")
        again = await read(second, len(firsts) - 3 * len(theirs))
        assert places(again) == places(record for record in firsts if record.offset >= 3)

    async def test_a_partition_that_comes_back_begins_again_where_it_was_committed(self, cluster: Cluster) -> None:
        await cluster.producer.produce(records(cluster.topic, 300, keys=100))
        first = await cluster.consumer("returns")
        found = await read(first, 300)
        await first.commit({record.partition: 3 for record in found})
        second = await cluster.consumer("returns")
        await _until_shared(first, second, cluster)
        gone = second.assigned()
        await cluster.stop(second)
        await wait_until(lambda: gone <= first.assigned(), timeout_seconds=30, what="the partitions to come back")
        expected = places(record for record in found if record.partition in gone and record.offset >= 3)
        assert places(await read(first, len(expected))) == expected

    async def test_a_partition_of_another_member_is_passed_over_at_a_commit(self, cluster: Cluster) -> None:
        first = await cluster.consumer("strangers")
        await wait_until(lambda: len(first.assigned()) == cluster.partitions, timeout_seconds=30, what="all partitions")
        await cluster.producer.produce(records(cluster.topic, 300, keys=100))
        await read(first, 300)
        everywhere = first.assigned()
        second = await cluster.consumer("strangers")
        await _until_shared(first, second, cluster)
        await first.commit(dict.fromkeys(everywhere, 7))
        mine = dict.fromkeys(first.assigned(), 7)
        await wait_until(lambda: are_committed(first, mine), what="the commit to reach the broker")
        assert await second.committed(everywhere) == mine

    async def test_partitions_begin_at_the_stored_offsets_and_the_others_at_the_groups(self, cluster: Cluster) -> None:
        await cluster.producer.produce(records(cluster.topic, 300, keys=100))
        before = await cluster.consumer("stored")
        found = await read(before, 300)
        await before.commit({record.partition: 5 for record in found})
        await cluster.stop(before)
        chosen = Partition(cluster.topic, 0)

        async def stored(partitions: object) -> dict[Partition, int]:
            return {chosen: 2}

        least = {record.partition: 2 if record.partition == chosen else 5 for record in found}
        expected = places(record for record in found if record.offset >= least[record.partition])
        again = await read(await cluster.consumer("stored", stored_offsets=stored), len(expected))
        assert places(again) == expected

    async def test_a_lost_record_is_never_read_and_its_offset_never_used_again(self, cluster: LosingCluster) -> None:
        await cluster.producer.produce(records(cluster.topic, 10, keys=1))
        before = await cluster.consumer("losses")
        partition = (await read(before, 10))[0].partition
        await before.commit({partition: 2})
        await cluster.stop(before)
        await cluster.lose()
        await cluster.producer.produce([Record(cluster.topic, b"key-0", b"after")])
        after = await cluster.consumer("losses")
        [found] = await read(after, 1)
        assert (found.value, found.offset) == (b"after", 10)
        assert await after.watermarks([partition]) == {partition: Watermarks(10, 11)}
        assert await after.committed([partition]) == {partition: 2}


async def _until_shared(first: Consumer, second: Consumer, cluster: Cluster) -> None:
    half = cluster.partitions // 2
    await wait_until(lambda: len(first.assigned()) == len(second.assigned()) == half, timeout_seconds=30, what="equal shares")


async def _until_all_is_read(first: Consumer, second: Consumer, count: int) -> tuple[list[Received], list[Received]]:
    found: tuple[list[Received], list[Received]] = ([], [])

    async def keep_reading(consumer: Consumer, into: list[Received]) -> None:
        async for batch in consumer.batches():
            into += batch

    reading = [asyncio.create_task(keep_reading(*each)) for each in zip((first, second), found, strict=True)]
    try:
        await wait_until(lambda: sum(map(len, found)) >= count, timeout_seconds=30, what="all records")
    finally:
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)
    return found
