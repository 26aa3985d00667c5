"""The zones of the locked tzdata wheel, and of nothing else: the system's own files (TZPATH) are never read."""

import re
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

_WHEEL = resources.files("tzdata")
_SOURCE = _WHEEL.joinpath("zoneinfo", "tzdata.zi").read_text(encoding="ascii").splitlines()

#: As IANA counts, such as 2026a.
TZDATA_VERSION = _SOURCE[0].removeprefix("# version ")
LONGEST_NAME = 64  # characters; bounds the search for the nearest name

# Files that are no place's time: three-letter abbreviations kept for old programs, and the placeholder of an unset clock.
_REFUSED = frozenset({"CET", "EET", "EST", "HST", "MET", "MST", "WET", "Factory"})
# What the writer of an abbreviation most likely means. Several countries use some of them, which is why they are refused.
_MEANT = {
    "ACDT": "Australia/Adelaide",
    "ACST": "Australia/Adelaide",
    "AEDT": "Australia/Sydney",
    "AEST": "Australia/Sydney",
    "AKDT": "America/Anchorage",
    "AKST": "America/Anchorage",
    "ADT": "America/Halifax",
    "AST": "America/Halifax",
    "AWST": "Australia/Perth",
    "BST": "Europe/London",
    "CAT": "Africa/Maputo",
    "CDT": "America/Chicago",
    "CEST": "Europe/Paris",
    "CET": "Europe/Paris",
    "CST": "America/Chicago",
    "EAT": "Africa/Nairobi",
    "EDT": "America/New_York",
    "EEST": "Europe/Athens",
    "EET": "Europe/Athens",
    "EST": "America/New_York",
    "HKT": "Asia/Hong_Kong",
    "HST": "Pacific/Honolulu",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "MDT": "America/Denver",
    "MET": "Europe/Paris",
    "MSK": "Europe/Moscow",
    "MST": "America/Denver",
    "NDT": "America/St_Johns",
    "NST": "America/St_Johns",
    "NZDT": "Pacific/Auckland",
    "NZST": "Pacific/Auckland",
    "PDT": "America/Los_Angeles",
    "PKT": "Asia/Karachi",
    "PST": "America/Los_Angeles",
    "SAST": "Africa/Johannesburg",
    "SGT": "Asia/Singapore",
    "WAT": "Africa/Lagos",
    "WEST": "Europe/Lisbon",
    "WET": "Europe/Lisbon",
}
_CHARACTERS = re.compile(r"[A-Za-z0-9_+\-/ ]+")
_OFFSET = re.compile(r"(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?", re.IGNORECASE)
_ABBREVIATION = re.compile(r"[A-Z]{3,5}")


class Refusal(StrEnum):
    """Why a zone name is refused."""

    EMPTY = "EMPTY"
    NOT_A_NAME = "NOT_A_NAME"
    OFFSET = "OFFSET"
    ABBREVIATION = "ABBREVIATION"
    WRONG_CASE = "WRONG_CASE"
    UNKNOWN = "UNKNOWN"


class InvalidZone(ValueError):
    """The zone name cannot be accepted."""

    def __init__(self, reason: Refusal, sentence: str, suggestion: str | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.suggestion = suggestion


def normalise(name: str) -> str:
    """Return the name under which an accepted zone is stored.

    A name that zone.tab lists is a country's own and stays (Europe/Oslo); any other link becomes the zone it points to
    (US/Eastern: America/New_York). Raises InvalidZone, whose text says what is wrong and what would be right.
    """
    if name not in accepted():
        raise _refusal(name)
    return name if name in _countries_own() else _links().get(name, name)


def zone(name: str) -> ZoneInfo:
    """Return the rules of an accepted zone, by its stored name or an alias; read once, then kept.

    Raises InvalidZone as `normalise` does.
    """
    if name not in accepted():
        raise _refusal(name)
    return _rules(name)


@cache
def accepted() -> frozenset[str]:
    """Return every zone name that a person may be given."""
    return frozenset(_WHEEL.joinpath("zones").read_text(encoding="ascii").split()) - _REFUSED


@cache
def stored() -> tuple[str, ...]:
    """Return every zone name that can be stored, sorted."""
    return tuple(sorted({normalise(name) for name in accepted()}))


@cache
def _rules(name: str) -> ZoneInfo:
    with _WHEEL.joinpath("zoneinfo", name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def _countries_own() -> frozenset[str]:
    table = _WHEEL.joinpath("zoneinfo", "zone.tab").read_text(encoding="ascii")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return frozenset(row[2] for row in rows)


@cache
def _links() -> dict[str, str]:
    rows = (line.split() for line in _SOURCE if line.startswith("L "))
    return {alias: target for _, target, alias in rows}


@cache
def _by_casefold() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(accepted())}


@cache
def _by_city() -> dict[str, str]:
    # Sorted so that a stored name wins over an alias of the same city: America/Indianapolis, America/Indiana/Indianapolis.
    names = sorted(accepted(), key=lambda name: (name in stored(), name))
    return {name.rpartition("/")[2].casefold(): name for name in names}


def _refusal(name: str) -> InvalidZone:
    if not name.strip():
        return InvalidZone(Refusal.EMPTY, "a time zone is needed: an IANA name such as Europe/Oslo")
    if _OFFSET.fullmatch(name):
        return InvalidZone(
            Refusal.OFFSET, f'"{name}" is an offset, which does not follow summer time: use the name of a place, such as Europe/Oslo'
        )
    if len(name) > LONGEST_NAME or not _CHARACTERS.fullmatch(name):
        return InvalidZone(Refusal.NOT_A_NAME, "this is not the name of a time zone: use an IANA name such as Europe/Oslo")
    if meant := _MEANT.get(name.upper()):
        return _abbreviation(name, meant)
    return _misspelling(name)


def _misspelling(name: str) -> InvalidZone:
    folded = name.casefold()
    if right := _by_casefold().get(folded):
        return InvalidZone(Refusal.WRONG_CASE, f'"{name}" is written in the wrong case: did you mean {right}?', right)
    city = _by_city().get(folded.rpartition("/")[2].strip())
    if city is None and _ABBREVIATION.fullmatch(name):
        return _abbreviation(name, "Europe/Oslo")
    nearest = city or _by_casefold()[get_close_matches(folded, _by_casefold(), n=1, cutoff=0)[0]]
    return InvalidZone(Refusal.UNKNOWN, f'"{name}" is not a known time zone: did you mean {nearest}?', nearest)


def _abbreviation(name: str, meant: str) -> InvalidZone:
    sentence = f'"{name}" is an abbreviation, which several places share: use the IANA name of a place, e.g. {meant}'
    return InvalidZone(Refusal.ABBREVIATION, sentence, meant)
