from collections.abc import Callable, Sequence

import pytest

from notifier_service.consumer.desk import DueDesk
from notifier_service.domain import Due
from servicekit.kafka import Partition, Received

Make = Callable[..., Due]
P0, P1 = Partition("due", 0), Partition("due", 1)


class SteppingClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


def records(count: int, partition: Partition = P0, first: int = 0) -> list[Received]:
    return [Received(partition, first + n, 0, b"k", b"v") for n in range(count)]


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def desk(clock: SteppingClock) -> DueDesk:
    return DueDesk(clock, most_parked=2)  # type: ignore[arg-type] # asked for the monotonic clock only


def take(desk: DueDesk, dues: Sequence[Due], partition: Partition = P0, first: int = 0) -> list[Due]:
    received = records(len(dues), partition, first)
    return desk.take(received, zip(received, dues, strict=True))


def test_offsets_move_up_to_the_first_record_not_done(desk: DueDesk, make_due: Make) -> None:
    a, b, c = take(desk, [make_due() for _ in range(3)])
    desk.done([c, a])
    assert desk.committable() == {P0: 1}
    desk.done([b])
    assert desk.committable() == {P0: 3}


def test_of_one_id_the_highest_revision_is_worked_on_and_finishes_all(desk: DueDesk, make_due: Make, again: Make) -> None:
    old = make_due(revision=1)
    new, newest = again(old, revision=2), again(old, revision=3)
    assert take(desk, [old, newest, new]) == [newest]
    assert desk.committable() == {}
    desk.done([newest])
    assert desk.committable() == {P0: 3}


def test_a_record_that_could_not_be_read_holds_its_offset_until_it_is_kept(desk: DueDesk, make_due: Make) -> None:
    received = records(2)
    (due,) = desk.take(received, [(received[1], make_due())])
    desk.done([due])
    assert desk.committable() == {}
    desk.done_unread([received[0]])
    assert desk.committable() == {P0: 2}


def test_parked_records_come_out_when_their_time_has_come(desk: DueDesk, clock: SteppingClock, make_due: Make) -> None:
    a, b = take(desk, [make_due(), make_due()])
    desk.later([a], 5)
    desk.later([b], 1)
    assert desk.ripe(10) == []
    clock.seconds += 1
    assert desk.ripe(10) == [b]
    clock.seconds += 4
    assert desk.ripe(10) == [a]
    assert desk.ripe(10) == []


def test_one_record_of_an_id_comes_out_at_a_time(desk: DueDesk, clock: SteppingClock, make_due: Make, again: Make) -> None:
    (old,) = take(desk, [make_due(revision=1)])
    (new,) = take(desk, [again(old, revision=2)], first=1)
    desk.later([old, new], 1)
    clock.seconds += 1
    assert desk.ripe(10) == [old]
    assert desk.ripe(10) == [new]


def test_a_partition_with_too_many_parked_is_crowded_until_they_are_looked_up(desk: DueDesk, clock: SteppingClock, make_due: Make) -> None:
    dues = take(desk, [make_due() for _ in range(2)]) + take(desk, [make_due()], P1)
    desk.later(dues, 1)
    assert desk.crowded() == {P0}
    clock.seconds += 1
    desk.ripe(10)
    assert desk.crowded() == frozenset()


def test_held_records_stop_the_intake_until_they_are_taken(desk: DueDesk, make_due: Make) -> None:
    a, b, c = take(desk, [make_due() for _ in range(3)])
    desk.held([a, b, c])
    assert not desk.takes_new.is_set()
    assert desk.unheld(2) == [a, b]
    assert desk.holds_any([c])
    assert not desk.holds_any([a, b])
    desk.reopen()
    assert not desk.takes_new.is_set()
    assert desk.unheld(2) == [c]
    desk.reopen()
    assert desk.takes_new.is_set()


def test_in_hand_is_what_is_neither_parked_nor_held(desk: DueDesk, make_due: Make) -> None:
    a, b, c = take(desk, [make_due() for _ in range(3)])
    (d,) = take(desk, [make_due()], P1)
    desk.later([a], 1)
    desk.held([b])
    assert desk.in_hand() == 2
    assert desk.in_hand([P1]) == 1
    desk.done([c, d])
    assert desk.in_hand() == 0


def test_a_partition_taken_away_is_forgotten_whoever_brings_its_records_back(
    desk: DueDesk, clock: SteppingClock, make_due: Make, again: Make
) -> None:
    parked, held, working, kept = make_due(), make_due(), make_due(), make_due()
    take(desk, [parked, held, working])
    take(desk, [kept], P1)
    desk.later([parked], 1)
    desk.held([held])
    desk.forget([P0])
    desk.done([working])
    desk.later([working], 0)
    desk.held([working])
    clock.seconds += 9
    assert desk.ripe(10) == []
    assert desk.unheld(10) == []
    assert desk.committable() == {}
    desk.done([kept])
    assert desk.committable() == {P1: 1}


def test_a_partition_that_comes_back_starts_where_it_is_read_from(desk: DueDesk, make_due: Make) -> None:
    take(desk, [make_due() for _ in range(5)], first=10)
    desk.forget([P0])
    (due,) = take(desk, [make_due()], first=3)
    desk.done([due])
    assert desk.committable() == {P0: 4}
