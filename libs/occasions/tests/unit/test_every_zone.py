import random
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import pytest

from occasions import zones
from occasions.calendar import end_of_local_day, send_instant

DAY, MINUTE, SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
NINE = time(9)
SAMPLE_OF_CHANGES = 300


@pytest.mark.parametrize("year", range(2024, 2033))
def test_nine_o_clock_of_every_day_in_every_zone(year: int) -> None:
    first, after = date(year, 1, 1), date(year + 1, 1, 1)
    days = [first + DAY * n for n in range((after - first).days)]
    at_nine = [datetime.combine(day, NINE) for day in days]
    for name in zones.stored():
        rules = zones.zone(name)
        # Nine exists on each of these days in each zone, so within a minute, never early and on the local date are one: nine itself.
        clocks = [send_instant(name, day, NINE).at.astimezone(rules).replace(tzinfo=None) for day in days]
        assert clocks == at_nine, name


def test_local_days_follow_each_other_without_a_hole() -> None:
    for name in zones.stored():
        rules = zones.zone(name)
        for change in _changes(name):
            day = change.astimezone(rules).date()
            for n in (-2, -1, 0, 1):
                ends_at = end_of_local_day(name, day + DAY * n)
                assert (ends_at - SECOND).astimezone(rules).date() <= day + DAY * n < ends_at.astimezone(rules).date()


def test_every_minute_around_a_change_of_offset_agrees_with_a_search_through_all_instants() -> None:
    chosen = random.Random(2011_12_30).sample([(name, change) for name in zones.stored() for change in _changes(name)], SAMPLE_OF_CHANGES)
    for name, change in chosen:
        clock = _clock(name, change)
        for shift in (-61, -60, -31, -30, -1, 0, 1, 29, 30, 59, 60, 61):
            wall = clock + MINUTE * shift
            found = send_instant(name, wall.date(), wall.time())
            assert (found.at, found.rule) == _by_search(name, wall), (name, wall)


def _by_search(name: str, wall: datetime) -> tuple[datetime, str]:
    """Find the instant by the contract's own words, from the clock readings of every minute around the date."""
    start = datetime.combine(wall.date(), time(), UTC) - timedelta(hours=26)
    clocks = _readings(name, start)
    showing = [n for n, clock in enumerate(clocks) if clock == wall]
    if showing:
        return start + MINUTE * showing[0], "EXACT" if len(showing) == 1 else "FOLD_FIRST"
    if all(clock.date() != wall.date() for clock in clocks):
        return _by_search(name, wall + DAY)[0], "SKIPPED_DAY"
    last = next(n for n in range(len(clocks)) if clocks[n] < wall < clocks[n + 1])
    moved = wall + (clocks[last + 1] - clocks[last] - MINUTE)
    if moved.date() == wall.date():
        return start + MINUTE * clocks.index(moved), "GAP_FORWARD"
    return start + MINUTE * last, "GAP_BACK"


@cache
def _readings(name: str, start: datetime) -> list[datetime]:
    return [_clock(name, start + MINUTE * n) for n in range(76 * 60)]


def _clock(name: str, instant: datetime) -> datetime:
    return instant.astimezone(zones.zone(name)).replace(tzinfo=None)


@cache
def _changes(name: str) -> list[datetime]:
    """Return the first instant of each offset since 1973, when the last zone had come to whole minutes."""
    rules = zones.zone(name)
    weeks = [datetime(1973, 1, 1, tzinfo=UTC) + 7 * DAY * n for n in range(65 * 52)]
    offsets = [week.astimezone(rules).utcoffset() for week in weeks]
    return [_first(name, weeks[n], weeks[n + 1]) for n in range(len(weeks) - 1) if offsets[n] != offsets[n + 1]]


def _first(name: str, before: datetime, after: datetime) -> datetime:
    old = before.astimezone(zones.zone(name)).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zones.zone(name)).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
