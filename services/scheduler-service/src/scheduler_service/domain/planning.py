"""What the plan of all users is made of: instants by zone and day, cut into slices that one statement can take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from occasions import zones
from scheduler_service.domain.messages import Moments
from scheduler_service.domain.rules import KindRules, PlanRules

#: So long past its budget what came due while nobody looked still leaves a row: it is planned after all, and ends as EXPIRED.
ACCOUNTED_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class DayInstant:
    """When the people of one zone whose date is (month, day) are greeted for one local date."""

    local_date: date
    month: int
    day: int
    #: Only people with this rule; empty: all.
    leap_day_rule: str
    moments: Moments


@dataclass(frozen=True, slots=True)
class Slice:
    """The slots of one instant whose user is above `above` and not above `upto`."""

    instant: DayInstant
    above: UUID
    upto: UUID
    size: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What the present plan was made by."""

    epoch: int
    tzdata_version: str
    kinds: Mapping[str, Mapping[str, str | float | None]]

    @classmethod
    def of(cls, rules: PlanRules) -> "Basis":
        return cls(rules.epoch, rules.tzdata_version, rules.described())

    def newer_than(self, other: "Basis") -> bool:
        return (self.epoch, self.tzdata_version) > (other.epoch, other.tzdata_version)


@dataclass(frozen=True, slots=True)
class Shift:
    """How many messages of a zone move, and by how much at most."""

    zone: str
    messages: int
    largest: timedelta


@dataclass(frozen=True, slots=True)
class _LocalDate:
    """One local date all over the world, with the bounds that tell most dates from a look at each zone."""

    instants: Sequence[DayInstant]
    first_due_at: datetime
    last_due_at: datetime
    first_expires_at: datetime
    last_expires_at: datetime

    def open(self, now: datetime, until: datetime) -> Sequence[DayInstant]:
        if self.last_expires_at <= now or until <= self.first_due_at:
            return ()
        if now < self.first_expires_at and self.last_due_at < until:
            return self.instants
        return [instant for instant in self.instants if now < instant.moments.expires_at and instant.moments.due_at < until]


def day_instants(rules: KindRules, now: datetime, horizon: timedelta) -> list[DayInstant]:
    """Every instant whose greeting could still go out, or falls due within the horizon, in every zone a user may have been given.

    Aliases too: another tzdata may have called them by that name.
    """
    dates = rules.dates_round(now, horizon)
    return [instant for local_date in dates for instant in _everywhere(rules, local_date).open(now, now + horizon)]


def missed_instants(rules: KindRules, now: datetime, since: datetime, looked_at: datetime) -> list[DayInstant]:
    """Every instant from `since` on that has passed, and whose greeting can still go out, or could not long ago.

    The latter only if nobody has looked since it came due: who was owed nothing then is not told of it now.
    """
    passed = (instant for instant in day_instants(rules, now - ACCOUNTED_FOR, ACCOUNTED_FOR) if instant.moments.due_at >= since)
    return [instant for instant in passed if instant.moments.expires_at > now or instant.moments.due_at >= looked_at]


# *recover* asks for the same few days each time; two kinds have less than this between them.
@lru_cache(maxsize=64)
def _everywhere(rules: KindRules, local_date: date) -> _LocalDate:
    moments = [rules.moments(name, local_date) for name in sorted(zones.accepted())]
    matches = [(match.month, match.day, str(match.rule or "")) for match in rules.occasion.observing(local_date)]
    due, expires = [each.due_at for each in moments], [each.expires_at for each in moments]
    instants = [DayInstant(local_date, *match, each) for each in moments for match in matches]
    return _LocalDate(instants, min(due), max(due), min(expires), max(expires))


def batches(slices: Sequence[Slice], slots: int) -> Iterator[list[Slice]]:
    """Put slices together until there are `slots` of them, so that few statements plan many small zones."""
    batch: list[Slice] = []
    for piece in slices:
        batch.append(piece)
        if sum(each.size for each in batch) >= slots:
            yield batch
            batch = []
    if batch:
        yield batch
