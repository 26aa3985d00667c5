"""Who takes part in the demo: people all round the world whose day is today, at send times that are about to come for some of them."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import Enum
from itertools import zip_longest

from occasions import zones

MINUTE = timedelta(minutes=1)
_PLAUSIBLE_HOURS = range(7, 22)
_SAFE_HOURS = (time(0, 20), time(23, 30))  # Nobody's day may change while the demo runs.
_PEOPLE, _PER_ODD_ZONE, _WITH_BOTH = 200, 4, 5
_GIVEN = ("Aiko", "Amara", "Björn", "Chloé", "Dilnoza", "Efua", "Farid", "Leilani", "Mateus", "Noor", "Siti")
_FAMILY = ("Abe", "Bello", "Costa", "Dahl", "Fofana", "García", "Hoang", "Jansen", "Okafor", "Petrov", "Quispe", "Rossi", "Sato")
_YEARS = (None, 1984, 1988, 1992, 1996)  # All leap years, so that 29 February is a date in each; None: the year is unknown.
_TODAY = "today"  # Stands for a date that falls on today where the person is.
_SINCE_BIRTH = 20  # Years from a birthday's year to an anniversary's.


class Edit(Enum):
    """What happens to a person after they were created and before their time."""

    NONE = "none"
    MOVE = "move"  # to another zone
    DELETE = "delete"
    OPT_OUT = "opt out"


@dataclass(frozen=True)
class Times:
    """The two instants on which the demo's greetings come due, and the send time of each kind that makes it so."""

    birthday_at: datetime
    anniversary_at: datetime
    send_times: dict[str, time]

    def as_setting(self) -> dict[str, str]:
        return {kind: f"{at:%H:%M}" for kind, at in self.send_times.items()}


@dataclass(frozen=True)
class Person:
    """One user to be created, and what will be done to them."""

    timezone: str
    birthday: str = ""
    anniversary: str = ""
    leap_day_rule: str = "FEB_28"
    edit: Edit = Edit.NONE
    moves_to: str = ""
    number: int = 0

    @property
    def email(self) -> str:
        return f"person-{self.number}@example.com"

    @property
    def final_timezone(self) -> str:
        return self.moves_to or self.timezone

    def as_user(self) -> dict[str, str]:
        """The body of the call that creates them."""
        return {
            "firstName": _GIVEN[self.number % len(_GIVEN)],
            "lastName": _FAMILY[self.number % len(_FAMILY)],
            "email": self.email,
            "timezone": self.timezone,
            "birthday": self.birthday,
            "anniversary": self.anniversary,
            "leapDayRule": self.leap_day_rule,
        }


def choose_times(now: datetime, lead: timedelta) -> Times:
    """Chooses send times so that many a birthday comes due soon after the lead, and anniversaries a minute later.

    Birthdays where a whole-hour offset has the time then, anniversaries where a half or quarter hour has it; each at a plausible hour.
    """
    birthday_at = (now + lead).replace(second=0, microsecond=0) + MINUTE
    anniversary_at = birthday_at + MINUTE
    birthday, anniversary = _commonest_local_time(birthday_at, odd=False), _commonest_local_time(anniversary_at, odd=True)
    return Times(birthday_at, anniversary_at, {"birthday": birthday, "anniversary": anniversary})


def cast(times: Times, now: datetime) -> list[Person]:
    """The people: those edited before their time first, then those whose time comes, then those for whom it is past or ahead."""
    birthday_zones = _zones_with(times.send_times["birthday"], times.birthday_at)
    anniversary_zones = _zones_with(times.send_times["anniversary"], times.anniversary_at)
    elsewhere = _spread(now, without={*birthday_zones, *anniversary_zones})
    roles = [
        *_edited(anniversary_zones[0], _still_ahead(anniversary_zones[0], times)),
        *(Person(birthday_zones[0], birthday="2000-02-29", leap_day_rule=rule) for rule in ("FEB_28", "MAR_1", "LEAP_YEARS_ONLY")),
        *(Person(name, birthday=_TODAY) for name in birthday_zones),
        *(Person(name, anniversary=_TODAY) for name in anniversary_zones for _ in range(_PER_ODD_ZONE)),
        *(Person(name, birthday=_TODAY, anniversary=_TODAY) for name in elsewhere[:_WITH_BOTH]),
    ]
    for index, name in enumerate(elsewhere[_WITH_BOTH : _WITH_BOTH + _PEOPLE - len(roles)]):
        roles.append(Person(name, birthday=_TODAY) if index % 2 else Person(name, anniversary=_TODAY))
    return [_dated(role, number, now) for number, role in enumerate(roles, start=1)]


def local_time(timezone: str, instant: datetime) -> time:
    """What clocks show there."""
    return instant.astimezone(zones.zone(timezone)).time()


def _commonest_local_time(instant: datetime, *, odd: bool) -> time:
    counts = Counter(local_time(name, instant) for name in _names() if _is_odd(name, instant) == odd)
    return max((at for at in counts if at.hour in _PLAUSIBLE_HOURS), key=counts.__getitem__)


def _zones_with(at: time, instant: datetime) -> list[str]:
    return [name for name in _names() if local_time(name, instant) == at]


def _still_ahead(timezone: str, times: Times) -> str:
    """A zone on the same date as the given one, where the anniversaries' time is yet to come."""
    today = times.anniversary_at.astimezone(zones.zone(timezone)).date()
    local = {name: times.anniversary_at.astimezone(zones.zone(name)) for name in _names()}
    ahead = {name: there for name, there in local.items() if there.date() == today and there.time() < times.send_times["anniversary"]}
    return max(ahead, key=lambda name: _safe(ahead[name].time()) * ahead[name].hour)


def _edited(due: str, ahead: str) -> list[Person]:
    return [
        Person(due, anniversary=_TODAY, edit=Edit.MOVE, moves_to=ahead),
        Person(ahead, anniversary=_TODAY, edit=Edit.MOVE, moves_to=due),
        Person(due, anniversary=_TODAY, edit=Edit.DELETE),
        Person(due, anniversary=_TODAY, edit=Edit.OPT_OUT),
    ]


def _spread(now: datetime, *, without: set[str]) -> list[str]:
    """Zones in such an order that any first few of them have as many different offsets as can be."""
    by_offset = defaultdict(list)
    for name in _names():
        if name not in without and _safe(local_time(name, now)):
            by_offset[now.astimezone(zones.zone(name)).utcoffset()].append(name)
    return [name for names in zip_longest(*by_offset.values()) for name in names if name]


def _dated(person: Person, number: int, now: datetime) -> Person:
    """The person under a number, with dates that fall on today where they are."""
    today = now.astimezone(zones.zone(person.timezone)).date()
    year = _YEARS[number % len(_YEARS)]
    birthday = _date(year, today) if person.birthday == _TODAY else person.birthday
    anniversary = _date(year and year + _SINCE_BIRTH, today) if person.anniversary == _TODAY else person.anniversary
    return replace(person, number=number, birthday=birthday, anniversary=anniversary)


def _date(year: int | None, day: date) -> str:
    return f"{'-' if year is None else year}-{day:%m-%d}"


def _safe(local: time) -> bool:
    earliest, latest = _SAFE_HOURS
    return earliest < local < latest


def _is_odd(timezone: str, instant: datetime) -> bool:
    return local_time(timezone, instant).minute != instant.minute


def _names() -> Iterator[str]:
    return (name for name in zones.stored() if not name.startswith("Etc/"))
