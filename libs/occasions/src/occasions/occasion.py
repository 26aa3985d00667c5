from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import StrEnum
from typing import ClassVar, NamedTuple

from occasions.civil import CivilDate, DayMatch, LeapDayRule, observed_on, observing


class Variant(StrEnum):
    """Which text is sent."""

    ON_THE_DAY = "on_the_day"
    BELATED = "belated"


class Objection(NamedTuple):
    """What makes a person's dates invalid for a kind: the field of the user, and a sentence for a person."""

    field: str
    sentence: str


class Occasion(ABC):
    """A kind of occasion: the strategy that planning and composing follow. One subclass, one file of `kinds`."""

    #: Lower case; it names the kind in settings, topics, tables and template directories, for ever.
    name: ClassVar[str]
    #: Local; a setting may replace it.
    send_time: ClassVar[time] = time(9)
    #: Observed in years that lie at least this many after the source's; 0 counts the day itself.
    first_after_years: ClassVar[int] = 0

    @abstractmethod
    def source(self, dates: Mapping[str, CivilDate]) -> CivilDate | None:
        """Return the date this kind counts from, out of a person's dates by field name; None: the person has no such occasion."""

    def observed_on(self, source: CivilDate, year: int, rule: LeapDayRule) -> date | None:
        """Return the local date of the occasion in `year`, or None if that year has none."""
        return observed_on(source, year, rule) if self.counts(source, year) else None

    def observing(self, local_date: date) -> Iterable[DayMatch]:
        """Return every month and day of a source observed on `local_date`, for a set-based join.

        The inverse of `observed_on`, `counts` left out: a subclass that overrides one overrides both.
        """
        return observing(local_date)

    def counts(self, source: CivilDate, year: int) -> bool:
        """Whether the occasion exists in `year`; in SQL: year_known IS NULL OR year_known + first_after_years <= year."""
        return source.year is None or source.year + self.first_after_years <= year

    def years(self, source: CivilDate, local_date: date) -> int:
        """Return the whole years a text may name on `local_date`; 0 if they are unknown, or this kind's texts name none."""
        return 0

    def objections(self, dates: Mapping[str, CivilDate]) -> Iterable[Objection]:
        """Return what makes the dates invalid for this kind; empty if nothing does."""
        return ()
