from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from occasions import zones

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
# An occasion is sent at most this long after its local date: only a skipped date moves it, and no zone ever skipped two in a row.
LONGEST_MOVE = DAY


class Rule(StrEnum):
    """How a local time became an instant."""

    EXACT = "EXACT"
    GAP_FORWARD = "GAP_FORWARD"  # the time did not exist: moved on by the length of the gap
    GAP_BACK = "GAP_BACK"  # moving on would have left the day: the last whole minute before the gap
    FOLD_FIRST = "FOLD_FIRST"  # the time existed twice: the first
    SKIPPED_DAY = "SKIPPED_DAY"  # the date did not exist: the next that does


class SendInstant(NamedTuple):
    """When one local date's greeting is sent in one zone."""

    zone: str
    #: The occasion's date, which names the message; after SKIPPED_DAY the greeting goes out on a later one.
    local_date: date
    #: UTC.
    at: datetime
    rule: Rule
    #: UTC; the first instant after the local day on which it is sent: from here on the greeting is belated.
    day_ends_at: datetime

    @property
    def local(self) -> datetime:
        """The instant as the clocks of the zone show it."""
        return self.at.astimezone(zones.zone(self.zone))


def send_instant(zone: str, local_date: date, local_time: time) -> SendInstant:
    """Return the instant of `local_time` (naive, whole seconds) on `local_date` in `zone`.

    Never before the local time, GAP_BACK apart; always on the local date, SKIPPED_DAY apart. Raises InvalidZone.
    """
    rules = zones.zone(zone)
    wall, rule = _existing(rules, datetime.combine(local_date, local_time, rules))
    return SendInstant(zone, local_date, wall.astimezone(UTC), rule, end_of_local_day(zone, wall.date()))


def instants(names: Iterable[str], local_dates: Iterable[date], local_time: time) -> list[SendInstant]:
    """Return the send instant of each date in each zone."""
    dates = tuple(local_dates)
    return [send_instant(name, local_date, local_time) for name in names for local_date in dates]


def horizon(names: Iterable[str], local_time: time, since: datetime, until: datetime) -> list[SendInstant]:
    """Return every send instant of the zones with `since` <= at < `until` (both aware), whatever its local date."""
    found = (send_instant(name, day, local_time) for name in names for day in _local_dates(name, since, until))
    return [instant for instant in found if since <= instant.at < until]


def end_of_local_day(zone: str, local_date: date) -> datetime:
    """Return the first instant (UTC) from which on the zone is past `local_date`; also right where the date was skipped.

    Clocks set back across midnight return to the date: it ends the second time. Raises InvalidZone.
    """
    rules = zones.zone(zone)
    midnight = datetime.combine(local_date + DAY, time.min, rules)
    if _offset_growth(midnight) > timedelta():
        return _transition(rules, midnight)
    second = midnight.replace(fold=1).astimezone(UTC)
    returns_to_date = (second - SECOND).astimezone(rules).date() == local_date
    return second if returns_to_date else midnight.astimezone(UTC)


def local_date_at(zone: str, instant: datetime) -> date:
    """Return the date in `zone` at an aware instant. Raises InvalidZone."""
    return instant.astimezone(zones.zone(zone)).date()


def _existing(rules: ZoneInfo, wall: datetime) -> tuple[datetime, Rule]:
    growth = _offset_growth(wall)
    if not growth:
        return wall, Rule.EXACT
    if growth < timedelta():
        return wall, Rule.FOLD_FIRST
    if (moved := wall + growth).date() == wall.date():
        return moved, Rule.GAP_FORWARD
    if (last := _last_minute_before_gap(rules, wall)).date() == wall.date():
        return last, Rule.GAP_BACK
    return _existing(rules, wall + DAY)[0], Rule.SKIPPED_DAY


def _offset_growth(wall: datetime) -> timedelta:
    # Positive in a gap (its length), negative in a fold, else zero.
    # By way of UTC: between two datetimes of one zone Python subtracts the clock readings.
    return wall.astimezone(UTC) - wall.replace(fold=1).astimezone(UTC)


def _transition(rules: ZoneInfo, missing: datetime) -> datetime:
    """Return the instant (UTC) at which the clocks jump over a time of theirs."""
    before = missing.replace(fold=1).astimezone(UTC)
    seconds = range(int(_offset_growth(missing) / SECOND))
    return before + SECOND * bisect_left(seconds, True, key=lambda n: (before + SECOND * n).astimezone(rules) > missing)


def _last_minute_before_gap(rules: ZoneInfo, missing: datetime) -> datetime:
    return (_transition(rules, missing) - SECOND).astimezone(rules).replace(second=0)


def _local_dates(zone: str, since: datetime, until: datetime) -> Iterator[date]:
    day = local_date_at(zone, since) - LONGEST_MOVE
    while day <= local_date_at(zone, until):
        yield day
        day += DAY
