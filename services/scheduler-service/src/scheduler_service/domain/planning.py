"""What the plan of all users is made of: instants by zone and day, cut into slices that one statement can take."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from occasions import zones
from scheduler_service.domain.messages import Moments
from scheduler_service.domain.rules import KindRules, PlanRules


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


def day_instants(rules: KindRules, now: datetime, horizon: timedelta, names: Iterable[str] | None = None) -> list[DayInstant]:
    """Every instant whose greeting could still go out, or falls due within the horizon, in every zone a user may have been given.

    Aliases too: another tzdata may have called them by that name.
    """
    return [
        DayInstant(local_date, match.month, match.day, str(match.rule or ""), moments)
        for name in (sorted(zones.accepted()) if names is None else names)
        for local_date, moments in rules.open_moments(name, now, horizon)
        for match in rules.occasion.observing(local_date)
    ]


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
