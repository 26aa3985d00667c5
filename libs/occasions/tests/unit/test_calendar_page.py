import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from occasions import zones
from occasions.calendar import send_instant
from occasions.civil import CivilDate, LeapDayRule, observed_on

PAGE = Path(__file__).parents[4] / "docs" / "calendar.md"
VECTORS = Path(__file__).parents[1] / "vectors" / "send_instants.csv"


def rows_of(heading: str) -> Iterator[list[str]]:
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def instants() -> list[list[str]]:
    return [row[-6:] for heading in ("The day and the hour", "When the clocks misbehave") for row in rows_of(heading)]


@pytest.mark.parametrize("row", instants(), ids=lambda row: " ".join(row[:3]))
def test_the_page_s_instants(row: list[str]) -> None:
    zone, day, set_for, clock, at, rule = row
    sent = send_instant(zone, date.fromisoformat(day), time.fromisoformat(set_for))
    assert sent.local.replace(tzinfo=None) == datetime.fromisoformat(clock)
    assert (sent.at, sent.rule) == (datetime.fromisoformat(at).replace(tzinfo=UTC), rule)
    assert (zone, day, set_for) in _vectors()


def test_the_page_shows_every_rule() -> None:
    assert {row[-1] for row in instants()} == {"EXACT", "GAP_FORWARD", "GAP_BACK", "FOLD_FIRST", "SKIPPED_DAY"}


def test_the_page_s_leap_days() -> None:
    rows = list(rows_of("Dates"))
    assert [row[0].split()[0] for row in rows] == [str(rule) for rule in LeapDayRule]
    for rule, *days in rows:
        for year, day in zip((2023, 2024, 2100), days, strict=True):
            observed = observed_on(CivilDate(None, 2, 29), year, LeapDayRule(rule.split()[0]))
            assert day == (observed.isoformat() if observed else "not greeted")


def test_the_page_s_zone_names() -> None:
    for given, expected, why in rows_of("Zone names"):
        try:
            assert zones.normalise(given) == expected
        except zones.InvalidZone as refusal:
            assert refusal.reason == expected  # noqa: PT017 (the page says which of the two)
            assert why.rpartition("`")[0].rpartition("`")[2] in str(refusal)  # noqa: PT017


def _vectors() -> set[tuple[str, str, str]]:
    with VECTORS.open(encoding="utf-8", newline="") as file:
        return {(row["zone"], row["local_date"], row["local_time"]) for row in csv.DictReader(file)}
