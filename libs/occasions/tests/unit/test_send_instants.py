from datetime import UTC, date, datetime, time, timedelta

import pytest

from occasions import zones
from occasions.calendar import Rule, SendInstant, end_of_local_day, horizon, instants, local_date_at, send_instant
from occasions.civil import CivilDate

NINE = time(9)


@pytest.mark.vectors("send_instants.csv")
def test_send_instant(row: dict[str, str]) -> None:
    local_date = date.fromisoformat(row["local_date"])
    found = send_instant(row["zone"], local_date, time.fromisoformat(row["local_time"]))
    assert (found.zone, found.local_date) == (row["zone"], local_date)
    assert (found.at, found.at.tzinfo) == (datetime.fromisoformat(row["sent_at"]), UTC)
    assert found.rule == row["rule"]
    assert found.local.replace(tzinfo=None) == datetime.fromisoformat(row["clock"])
    assert found.day_ends_at == end_of_local_day(row["zone"], found.local.date())
    assert found.at < found.day_ends_at


@pytest.mark.vectors("day_ends.csv")
def test_end_of_local_day(row: dict[str, str]) -> None:
    ends_at = end_of_local_day(row["zone"], date.fromisoformat(row["local_date"]))
    assert (ends_at, ends_at.tzinfo) == (datetime.fromisoformat(row["ends_at"]), UTC)


@pytest.mark.vectors("future_dates.csv")
def test_future_is_after_today_where_the_person_is(row: dict[str, str]) -> None:
    today = local_date_at(row["zone"], datetime.fromisoformat(row["now"]))
    assert CivilDate.parse(row["date"]).is_after(today) is (row["is_future"] == "yes")


def test_instants_are_every_zone_by_every_date() -> None:
    dates = [date(2026, 3, 28), date(2026, 3, 29)]
    found = instants(["Europe/Oslo", "Asia/Tokyo"], iter(dates), NINE)
    assert [(row.zone, row.local_date) for row in found] == [(zone, day) for zone in ("Europe/Oslo", "Asia/Tokyo") for day in dates]
    assert found == [send_instant(row.zone, row.local_date, NINE) for row in found]


def test_a_horizon_holds_its_start_and_not_its_end() -> None:
    nine = datetime(2026, 6, 30, 7, tzinfo=UTC)
    day = timedelta(days=1)
    assert _dates(horizon(["Europe/Oslo"], NINE, nine, nine + 2 * day)) == [date(2026, 6, 30), date(2026, 7, 1)]
    second = timedelta(seconds=1)
    assert _dates(horizon(["Europe/Oslo"], NINE, nine + second, nine + 2 * day + second)) == [date(2026, 7, 1), date(2026, 7, 2)]
    assert horizon(["Europe/Oslo"], NINE, nine, nine) == []


def test_a_horizon_in_any_zone_of_the_reader() -> None:
    tokyo = zones.zone("Asia/Tokyo")
    since = datetime(2026, 6, 30, 16, tzinfo=tokyo)
    assert _dates(horizon(["Europe/Oslo"], NINE, since, since + timedelta(hours=1))) == [date(2026, 6, 30)]


def test_a_horizon_of_every_zone_is_what_a_wide_table_holds() -> None:
    since = datetime(2026, 12, 30, 23, 30, tzinfo=UTC)
    until = since + timedelta(hours=48)
    wide = instants(zones.stored(), [date(2026, 12, 25) + timedelta(days=n) for n in range(14)], NINE)
    assert horizon(zones.stored(), NINE, since, until) == [row for row in wide if since <= row.at < until]


@pytest.mark.parametrize("local_time", [time(0), NINE, time(23, 59)])
def test_a_horizon_holds_what_a_skipped_day_left(local_time: time) -> None:
    sent = send_instant("Pacific/Apia", date(2011, 12, 30), local_time)
    found = horizon(["Pacific/Apia"], local_time, sent.at, sent.at + timedelta(minutes=1))
    assert _dates(found) == [date(2011, 12, 30), date(2011, 12, 31)]
    assert [row.rule for row in found] == [Rule.SKIPPED_DAY, Rule.EXACT]


def test_an_unknown_zone_is_refused_everywhere() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for call in (
        lambda: send_instant("CET", now.date(), NINE),
        lambda: end_of_local_day("CET", now.date()),
        lambda: local_date_at("CET", now),
        lambda: horizon(["CET"], NINE, now, now),
    ):
        with pytest.raises(zones.InvalidZone):
            call()


def test_the_rules_are_named_as_in_the_documents() -> None:
    assert [str(rule) for rule in Rule] == ["EXACT", "GAP_FORWARD", "GAP_BACK", "FOLD_FIRST", "SKIPPED_DAY"]


def _dates(found: list[SendInstant]) -> list[date]:
    return [row.local_date for row in found]
