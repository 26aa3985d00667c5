"""Places chosen by where their send time stands at this moment, so that the tests run alike at any hour."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from occasions import zones

# How long what is said of a place has to stay true: longer than the suite takes.
T = TypeVar("T")

STEADY = timedelta(minutes=10)


class NoSuchPlace(LookupError):
    """Nowhere on earth does the time stand so."""


@dataclass(frozen=True)
class Place:
    """A time zone, the date there, and the instant of the send time on that date."""

    timezone: str
    today: date
    due_at: datetime
    is_past: bool


class Sky:
    """All places, by kind of occasion."""

    def __init__(self, send_times: Mapping[str, time]) -> None:
        self._send_times = send_times

    def ahead(self, kind: str, now: datetime | None = None) -> Place:
        """Where the send time of today is yet to come."""
        return _first(place for place in self._places(kind, now) if not place.is_past)

    def past(self, kind: str, now: datetime | None = None) -> Place:
        """Where the send time of today is past."""
        return _first(place for place in self._places(kind, now) if place.is_past)

    def both_on_one_date(self, kind: str, now: datetime | None = None) -> tuple[Place, Place]:
        """A place where the send time is ahead, and one of the same date where it is past."""
        places = list(self._places(kind, now))
        return _first((a, b) for a in places for b in places if not a.is_past and b.is_past and a.today == b.today)

    def two_ahead(self, kind: str, now: datetime | None = None) -> tuple[Place, Place]:
        """Two places of one date where the send time is ahead, at different instants."""
        places = [place for place in self._places(kind, now) if not place.is_past]
        return _first((a, b) for a in places for b in places if a.today == b.today and a.due_at < b.due_at)

    def ahead_and_over(self, kind: str, now: datetime | None = None) -> tuple[Place, Place]:
        """A place where the send time is ahead, and one where that whole day is over."""
        places = list(self._places(kind, now))
        return _first((a, b) for a in places for b in places if not a.is_past and a.today < b.today)

    def _places(self, kind: str, now: datetime | None) -> Iterator[Place]:
        moment = now or datetime.now(UTC)
        for name in zones.stored():
            place = _place(name, self._send_times[kind], moment)
            if place is not None:
                yield place


def choose_time(now: datetime) -> time:
    """A send time by which there are all kinds of places, now and until the suite ends."""
    for hour, minute in ((hour, minute) for hour in range(23, 8, -1) for minute in (30, 0)):
        sky = Sky({"": time(hour, minute)})
        try:
            for moment in (now, now + STEADY):
                for look in (sky.both_on_one_date, sky.two_ahead, sky.ahead_and_over):
                    look("", moment)
        except NoSuchPlace:
            continue
        return time(hour, minute)
    raise NoSuchPlace(now)


def _place(name: str, at: time, now: datetime) -> Place | None:
    """The place, unless its day, its offset or the standing of its send time is about to change."""
    zone = zones.zone(name)
    local = now.astimezone(zone)
    due_at = datetime.combine(local.date(), at, zone)
    near = now <= due_at.astimezone(UTC) <= now + STEADY
    if near or (local + STEADY).date() != local.date() or len({(local + timedelta(days=days)).utcoffset() for days in (-1, 0, 2)}) > 1:
        return None
    return Place(name, local.date(), due_at.astimezone(UTC), due_at < local)


def _first(found: Iterator[T]) -> T:
    try:
        return next(found)
    except StopIteration:
        raise NoSuchPlace from None
