import subprocess
import sys
from datetime import datetime
from importlib import metadata, resources
from pathlib import Path
from zoneinfo import available_timezones

import pytest

from occasions import zones
from occasions.zones import InvalidZone, Refusal


@pytest.mark.vectors("zone_names.csv")
def test_normalise(row: dict[str, str]) -> None:
    if row["stored"]:
        assert zones.normalise(row["given"]) == row["stored"]
        return
    with pytest.raises(InvalidZone) as refusal:
        zones.normalise(row["given"])
    assert refusal.value.reason == row["reason"]
    if row["suggestion"]:
        assert refusal.value.suggestion == row["suggestion"]
        assert row["suggestion"] in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "a time zone is needed: an IANA name such as Europe/Oslo"),
        ("Europe\0Oslo", "this is not the name of a time zone: use an IANA name such as Europe/Oslo"),
        ("UTC+2", '"UTC+2" is an offset, which does not follow summer time: use the name of a place, such as Europe/Oslo'),
        ("EST", '"EST" is an abbreviation, which several places share: use the IANA name of a place, e.g. America/New_York'),
        ("europe/oslo", '"europe/oslo" is written in the wrong case: did you mean Europe/Oslo?'),
        ("Europe/Osla", '"Europe/Osla" is not a known time zone: did you mean Europe/Oslo?'),
    ],
)
def test_a_person_reads(name: str, sentence: str) -> None:
    with pytest.raises(InvalidZone) as refusal:
        zones.zone(name)
    assert str(refusal.value) == sentence


def test_the_nearest_name_is_always_a_name() -> None:
    for name in ("Mars/Phobos", "Factory", "x", "/", "12345"):
        with pytest.raises(InvalidZone) as refusal:
            zones.normalise(name)
        assert refusal.value.reason is Refusal.UNKNOWN
        assert refusal.value.suggestion in zones.accepted()


def test_every_name_of_the_wheel_is_accepted_but_the_abbreviations_and_the_placeholder() -> None:
    refused = {"CET", "EET", "EST", "Factory", "HST", "MET", "MST", "WET"}
    assert zones.accepted() == _names_in_wheel() - refused


def test_every_accepted_name_has_a_stored_one_that_keeps_the_same_time() -> None:
    for name in zones.accepted():
        stored = zones.normalise(name)
        assert zones.normalise(stored) == stored
        assert _bytes(stored) == _bytes(name)


def test_stored_names_are_sorted_and_hold_every_country() -> None:
    assert list(zones.stored()) == sorted({zones.normalise(name) for name in zones.accepted()})
    assert zones._countries_own() <= set(zones.stored())
    assert len(zones._countries_own()) > 400


@pytest.mark.parametrize(("abbreviation", "meant"), zones._MEANT.items())
def test_an_abbreviation_is_used_where_the_suggestion_is(abbreviation: str, meant: str) -> None:
    seasons = [datetime(2026, month, 1, tzinfo=zones.zone(meant)).tzname() for month in (1, 7)]
    # The IANA files spell Singapore's abbreviation as a number, and Middle European Time as Central.
    assert abbreviation in {*seasons, "MET", "SGT"}
    assert meant in zones.stored()


def test_a_zone_carries_the_name_asked_for_and_is_read_once() -> None:
    assert zones.zone("Europe/Oslo").key == "Europe/Oslo"
    assert zones.zone("Europe/Oslo") is zones.zone("Europe/Oslo")


def test_the_version_is_the_wheel_s() -> None:
    year, letter = zones.TZDATA_VERSION[:-1], zones.TZDATA_VERSION[-1]
    assert metadata.version("tzdata") == f"{year}.{ord(letter) - ord('a') + 1}"


def test_the_system_s_own_zones_are_never_read(tmp_path: Path) -> None:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Oslo").write_bytes(_bytes("Asia/Tokyo"))
    program = (
        "import datetime, zoneinfo; from occasions import zones\n"
        "for zone in zoneinfo.ZoneInfo('Europe/Oslo'), zones.zone('Europe/Oslo'): print(zone.utcoffset(datetime.datetime(2026, 1, 1)))"
    )
    run = subprocess.run([sys.executable, "-c", program], env={"PYTHONTZPATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["9:00:00", "1:00:00"]


def _names_in_wheel() -> set[str]:
    return available_timezones() & set(resources.files("tzdata").joinpath("zones").read_text().split())


def _bytes(name: str) -> bytes:
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
