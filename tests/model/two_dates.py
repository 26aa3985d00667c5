"""The worst case as the services' own objects: two dates of one year, both due at the same instant."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from model.world import Person
from occasions.calendar import Rule
from occasions.civil import CivilDate, LeapDayRule
from occasions.identity import message_id
from occasions.registry import discover
from scheduler_service.domain import KindRules, Moments, PlanRules, Recipient, Slot, slot_of, source_of

USER = UUID("01932c07-20a4-7cd1-8000-2b1f4a5e6d7c")
KIND = "birthday"
DATES = (date(2026, 3, 10), date(2026, 3, 11))
IDS = tuple(message_id(USER, KIND, day) for day in DATES)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

_DUE = datetime(2026, 3, 10, 8, tzinfo=UTC)
#: Hour 0 lies on the local day, hour 1 in the belated time, hour 2 past the budget; each is this long.
HOUR = timedelta(hours=10)
#: How much earlier than at home the same greeting is due. In the last zone an hour of the model is over already.
ZONES = (timedelta(), timedelta(minutes=1), HOUR)
#: Until the next attempt: shorter than any hour.
SOON = timedelta(seconds=30)


def instant(hour: int) -> datetime:
    return _DUE + HOUR * hour + HOUR / 2


def microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def hour_of(at_us: int) -> int:
    """The last hour that is not after an instant."""
    return max(hour for hour in range(-2, 4) if microseconds(instant(hour)) <= at_us)


def moments(zone: int) -> Moments:
    due = _DUE - ZONES[zone]
    return Moments(due, due + HOUR, due + 2 * HOUR, str(zone), "2026a", Rule.EXACT.value)


class WorstCase(KindRules):
    """Rules under which either date, were it the birthday, would be due now."""

    __slots__ = ()

    def moments(self, zone: str, local_date: date) -> Moments:
        return moments(int(zone))

    def observed_dates(self, source: CivilDate, rule: LeapDayRule, zone: str, now: datetime) -> Iterator[date]:
        yield DATES[0].replace(day=source.day)


KIND_RULES = WorstCase(discover()[KIND], time(9), None, HOUR)
RULES = PlanRules({KIND: KIND_RULES}, timedelta(hours=48))


def recipient(person: Person, version: int) -> Recipient:
    dates = {} if person.date is None else {KIND: DATES[person.date].replace(year=1990).isoformat()}
    known = LONG_AGO if person.known < 0 else instant(person.known)
    return Recipient(
        USER,
        1,
        version,
        email=f"ada{person.content}@example.org",
        timezone=str(person.zone),
        dates=dates,
        known_at=dict.fromkeys(dates, known),
        suppressed=frozenset({KIND} if person.opted_out else ()),
    )


def slot(person: Person, holder: int | None) -> Slot:
    user = recipient(person, 1)
    made = slot_of(KIND, KIND_RULES, user, source_of(KIND_RULES, user), None)
    return made if holder is None else made.holding(DATES[holder].year, IDS[holder])
