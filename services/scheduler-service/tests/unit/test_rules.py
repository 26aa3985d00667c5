from datetime import UTC, date, datetime, time, timedelta

import pytest

from occasions import zones
from occasions.civil import CivilDate, LeapDayRule
from scheduler_service.domain import Basis, DayInstant, Slice, batches, day_instants
from scheduler_service.testing import ADA, DAY, person, rules

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)


def _instants(zone: str, now: datetime) -> list[DayInstant]:
    return [instant for instant in day_instants(rules().kinds["birthday"], now, 48 * HOUR) if instant.moments.timezone == zone]


def test_late_lasts_until_the_local_day_ends_and_belated_for_its_hours() -> None:
    moments = rules().kinds["birthday"].moments(BERLIN, date(2026, 3, 10))
    assert (moments.due_at, moments.late_until_at, moments.expires_at) == (DAY + 8 * HOUR, DAY + 23 * HOUR, DAY + 71 * HOUR)
    assert (moments.timezone, moments.zone_rule) == (BERLIN, "EXACT")


def test_the_late_budget_is_shortened_by_the_setting_and_never_goes_beyond_the_day() -> None:
    short = rules(late=HOUR).kinds["birthday"].moments(BERLIN, date(2026, 3, 10))
    long = rules(late=100 * HOUR).kinds["birthday"].moments(BERLIN, date(2026, 3, 10))
    assert (short.late_until_at, long.late_until_at) == (DAY + 9 * HOUR, DAY + 23 * HOUR)


def test_the_rule_by_which_an_instant_was_found_is_kept() -> None:
    gap = rules(send_time=time(2, 30)).kinds["birthday"].moments(BERLIN, date(2026, 3, 29))
    assert (gap.zone_rule, gap.due_at) == ("GAP_FORWARD", datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (DAY, [8, 9, 10, 11]),
        (DAY - HOUR - timedelta(seconds=1), [7, 8, 9, 10, 11]),  # the 7th's budget ends with the 9th, at 23:00 UTC
        (DAY - HOUR, [8, 9, 10, 11]),
        (DAY + 8 * HOUR, [8, 9, 10, 11]),  # 9:00 of the 12th is 48 h away, to the second
        (DAY + 9 * HOUR, [8, 9, 10, 11, 12]),
    ],
)
def test_open_dates_are_those_that_could_still_go_out_or_fall_due_soon(now: datetime, days: list[int]) -> None:
    assert [instant.local_date.day for instant in _instants(BERLIN, now)] == days


def test_every_accepted_zone_has_its_instants_aliases_too() -> None:
    instants = day_instants(rules().kinds["birthday"], DAY, 48 * HOUR)
    names = {instant.moments.timezone for instant in instants}
    assert {"Europe/Berlin", "US/Eastern", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"} <= names
    assert len(names) > 550


@pytest.mark.parametrize("now", [datetime(2027, 10, 30, 21, 59, 59, tzinfo=UTC) + n * timedelta(hours=5, minutes=7) for n in range(12)])
@pytest.mark.parametrize("horizon", [timedelta(), 48 * HOUR])
def test_the_open_instants_are_those_that_a_look_at_each_zone_and_date_finds(now: datetime, horizon: timedelta) -> None:
    kind = rules().kinds["birthday"]
    dates = [now.date() + timedelta(days=days) for days in range(-8, 9)]
    looked_at = [(date, kind.moments(name, date)) for name in zones.accepted() for date in dates]
    assert {(i.local_date, i.moments) for i in day_instants(kind, now, horizon)} == {
        (date, moments) for date, moments in looked_at if kind.is_open(moments, now, horizon)
    }


def test_a_28_february_is_also_that_of_the_leap_day_for_those_who_say_so() -> None:
    now = datetime(2026, 2, 27, tzinfo=UTC)
    days = {(i.local_date.day, i.month, i.day, i.leap_day_rule) for i in _instants("UTC", now) if i.local_date == date(2026, 2, 28)}
    assert days == {(28, 2, 28, ""), (28, 2, 29, "FEB_28")}


def test_observed_dates_are_those_of_the_years_round_now() -> None:
    kind = rules().kinds["anniversary"]
    dates = list(kind.observed_dates(CivilDate(2025, 3, 10), LeapDayRule.FEB_28, BERLIN, DAY))
    assert dates == [date(2026, 3, 10), date(2027, 3, 10)]


def test_slices_are_put_together_until_there_are_enough() -> None:
    [instant, *_] = _instants("UTC", DAY)
    pieces = [Slice(instant, ADA, ADA, size) for size in (4, 4, 4, 10, 1)]
    assert [[piece.size for piece in batch] for batch in batches(pieces, 8)] == [[4, 4], [4, 10], [1]]


def test_a_basis_is_told_by_what_decides_an_instant() -> None:
    assert Basis.of(rules()) == Basis.of(rules(sends_at_once=False))
    assert Basis.of(rules()) != Basis.of(rules(send_time=time(10)))
    assert Basis.of(rules()) != Basis.of(rules(belated=HOUR))


def test_of_two_snapshots_the_erased_one_is_newer_whatever_its_version() -> None:
    assert person(version=1, erased=True).newer_than(person(version=9))
    assert not person(version=10).newer_than(person(version=1, erased=True))
    assert not person().newer_than(person())
    assert person(version=1, epoch=2).newer_than(person(version=9))
