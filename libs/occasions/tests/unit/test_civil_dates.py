from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occasions.civil import EARLIEST_YEAR, CivilDate, DayMatch, InvalidDate, LeapDayRule, observed_on, observing

days = st.dates(min_value=date(EARLIEST_YEAR, 1, 1))
rules = st.sampled_from(LeapDayRule)
leap_day = CivilDate(None, 2, 29)


@pytest.mark.vectors("dates.csv")
def test_parse(row: dict[str, str]) -> None:
    if row["error"]:
        with pytest.raises(InvalidDate) as refusal:
            CivilDate.parse(row["text"])
        assert str(refusal.value) == row["error"]
    else:
        assert str(CivilDate.parse(row["text"])) == row["text"]


@pytest.mark.parametrize("text", ["1990-12-30\n", "1990-12-30\0", "9" * 41, "\u202e1990-12-30"])
def test_what_cannot_be_shown_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidDate, match=r"^the text is not a date: write YYYY-MM-DD, such as 1990-12-30, or --MM-DD"):
        CivilDate.parse(text)


def test_forty_characters_are_repeated() -> None:
    with pytest.raises(InvalidDate, match=f'^"{"9" * 40}" is not a date'):
        CivilDate.parse("9" * 40)


def test_parse_reads_the_parts() -> None:
    assert CivilDate.parse("1990-12-30") == CivilDate(1990, 12, 30)
    assert CivilDate.parse("--02-29") == leap_day


@given(days)
def test_every_day_survives_text(day: date) -> None:
    assert CivilDate.parse(day.isoformat()) == CivilDate(day.year, day.month, day.day)
    assert str(CivilDate(None, day.month, day.day)) == f"--{day:%m-%d}"


@given(st.text(alphabet="0123456789-", max_size=11))
def test_a_text_is_refused_or_is_the_form_of_its_date(text: str) -> None:
    try:
        assert str(CivilDate.parse(text)) == text
    except InvalidDate as refusal:
        assert str(refusal)  # noqa: PT017 (either end is right)


@pytest.mark.vectors("leap_days.csv")
def test_observed_on(row: dict[str, str]) -> None:
    observed = observed_on(CivilDate.parse(row["date"]), int(row["year"]), LeapDayRule(row["rule"]))
    assert (observed.isoformat() if observed else "") == row["observed_on"]


@given(days, st.integers(1850, 2200), rules)
def test_a_day_is_observed_on_itself_or_beside_29_february(day: date, year: int, rule: LeapDayRule) -> None:
    observed = observed_on(CivilDate(day.year, day.month, day.day), year, rule)
    if observed is None:
        assert (day.month, day.day, rule) == (2, 29, LeapDayRule.LEAP_YEARS_ONLY)
    elif (observed.month, observed.day) != (day.month, day.day):
        assert (day.month, day.day) == (2, 29)
        assert observed in {date(year, 2, 28), date(year, 3, 1)}


@pytest.mark.parametrize("year", [1900, 2000, 2023, 2024, 2026, 2100])
def test_observing_is_the_inverse_of_observed_on(year: int) -> None:
    sources = [CivilDate(None, day.month, day.day) for day in _days_of(2000)]
    by_observed_on = {(observed_on(source, year, rule), source, rule) for source in sources for rule in LeapDayRule}
    by_observing = {
        (day, CivilDate(None, match.month, match.day), rule)
        for day in _days_of(year)
        for match in observing(day)
        for rule in LeapDayRule
        if match.rule in {None, rule}
    }
    assert by_observing == {found for found in by_observed_on if found[0]}


def test_what_a_join_by_month_and_day_asks_for() -> None:
    assert list(observing(date(2026, 6, 30))) == [DayMatch(6, 30, None)]
    assert list(observing(date(2024, 2, 29))) == [DayMatch(2, 29, None)]
    assert list(observing(date(2024, 2, 28))) == [DayMatch(2, 28, None)]
    assert list(observing(date(2026, 2, 28))) == [DayMatch(2, 28, None), DayMatch(2, 29, LeapDayRule.FEB_28)]
    assert list(observing(date(2026, 3, 1))) == [DayMatch(3, 1, None), DayMatch(2, 29, LeapDayRule.MAR_1)]


@pytest.mark.parametrize(("earlier", "later"), [("1990-12-30", "1990-12-31"), ("1990-12-30", "1991-01-01"), ("1990-11-30", "1990-12-01")])
def test_one_date_before_another(earlier: str, later: str) -> None:
    assert CivilDate.parse(earlier).is_before(CivilDate.parse(later))
    assert not CivilDate.parse(later).is_before(CivilDate.parse(earlier))


@pytest.mark.parametrize(("one", "other"), [("1990-12-30", "1990-12-30"), ("--01-01", "1990-12-30"), ("1990-12-30", "--12-31")])
def test_neither_date_is_known_to_be_before_the_other(one: str, other: str) -> None:
    assert not CivilDate.parse(one).is_before(CivilDate.parse(other))
    assert not CivilDate.parse(other).is_before(CivilDate.parse(one))


def test_the_rules_are_named_as_in_the_interface() -> None:
    assert [str(rule) for rule in LeapDayRule] == ["FEB_28", "MAR_1", "LEAP_YEARS_ONLY"]


def _days_of(year: int) -> list[date]:
    first, after = date(year, 1, 1), date(year + 1, 1, 1)
    return [first + timedelta(days=n) for n in range((after - first).days)]
