from hypothesis import given
from hypothesis import strategies as st

from servicekit.kafka import OffsetTracker, Partition, Received

FIRST, SECOND = Partition("topic", 0), Partition("topic", 1)


def _received(*offsets: int, partition: Partition = FIRST) -> list[Received]:
    return [Received(partition, offset, 0, b"", b"") for offset in offsets]


def test_an_unfinished_record_holds_its_partitions_offset() -> None:
    tracker = OffsetTracker()
    tracker.take(_received(10, 11, 12))
    tracker.done(_received(11, 12))
    assert tracker.committable() == {}
    tracker.done(_received(10))
    assert tracker.committable() == {FIRST: 13}


def test_partitions_go_on_apart() -> None:
    tracker = OffsetTracker()
    tracker.take([*_received(0, 1), *_received(5, partition=SECOND)])
    tracker.done(_received(5, partition=SECOND))
    assert tracker.committable() == {SECOND: 6}


def test_only_what_has_grown_is_committable() -> None:
    tracker = OffsetTracker()
    tracker.take(_received(0, 1))
    tracker.done(_received(0))
    assert tracker.committable() == {FIRST: 1}
    assert tracker.committable() == {}


def test_gaps_left_by_compaction_hold_nothing() -> None:
    tracker = OffsetTracker()
    tracker.take(_received(3, 9, 40))
    tracker.done(_received(3, 9, 40))
    assert tracker.committable() == {FIRST: 41}


def test_a_full_partition_is_named_until_it_has_room() -> None:
    tracker = OffsetTracker(most_in_flight=2)
    tracker.take(_received(0, 1))
    assert tracker.full() == {FIRST}
    tracker.done(_received(1))
    assert (tracker.full(), tracker.in_flight(FIRST)) == (frozenset(), 1)


def test_records_of_a_partition_that_went_are_passed_over_and_may_come_back() -> None:
    tracker = OffsetTracker()
    tracker.take(_received(0, 1))
    tracker.drop([FIRST])
    tracker.done(_received(0, 1))
    assert tracker.committable() == {}
    tracker.take(_received(0, 1))
    tracker.done(_received(0))
    assert tracker.committable() == {FIRST: 1}


def test_a_record_finished_twice_counts_once() -> None:
    tracker = OffsetTracker()
    tracker.take(_received(0, 1, 2))
    tracker.done(_received(0, 1))
    tracker.done(_received(0, 1))
    assert (tracker.committable(), tracker.in_flight(FIRST)) == ({FIRST: 2}, 1)


@given(st.permutations(range(12)), st.integers(0, 12))
def test_the_offset_is_always_the_first_unfinished_one(order: list[int], finished: int) -> None:
    tracker = OffsetTracker()
    tracker.take(_received(*range(12)))
    for offset in order[:finished]:
        tracker.done(_received(offset))
    first_unfinished = min(order[finished:], default=12)
    assert tracker.committable() == ({FIRST: first_unfinished} if first_unfinished else {})
    assert tracker.in_flight(FIRST) == 12 - finished
