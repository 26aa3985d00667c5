import re
from calendar import isleap, month_name, monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple, Self

EARLIEST_YEAR = 1850
A_LEAP_YEAR = 2000  # stands in for the year nobody told us: --02-29 is somebody's birthday
LEAP_DAY = (2, 29)

_FORM = re.compile(r"(?:([0-9]{4})|-)-([0-9]{2})-([0-9]{2})")


class InvalidDate(ValueError):
    """The date cannot be accepted."""


class LeapDayRule(StrEnum):
    """Where 29 February is observed in a common year."""

    FEB_28 = "FEB_28"
    MAR_1 = "MAR_1"
    LEAP_YEARS_ONLY = "LEAP_YEARS_ONLY"


class DayMatch(NamedTuple):
    """A month and day that a local date stands for, for people of one leap-day rule only if `rule` is set."""

    month: int
    day: int
    rule: LeapDayRule | None


@dataclass(frozen=True, slots=True)
class CivilDate:
    """A date of a person's life; the year may be unknown."""

    year: int | None
    month: int
    day: int

    def __post_init__(self) -> None:
        if self.year is not None and self.year < EARLIEST_YEAR:
            raise InvalidDate(f"{self} is too early: years start at {EARLIEST_YEAR}")
        if not 1 <= self.month <= 12:
            raise InvalidDate(f"{self} does not exist: months go from 01 to 12")
        _refuse_missing_day(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "1990-12-30", or "--12-30" where the year is unknown.

        Raises InvalidDate whose text says, for a person, what is wrong and what would be right.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise InvalidDate(
                f"{_shown(text)} is not a date: write YYYY-MM-DD, such as 1990-12-30, or --MM-DD where the year is unknown, such as --12-30"
            )
        year, month, day = match.groups()
        return cls(None if year is None else int(year), int(month), int(day))

    def __str__(self) -> str:
        """Format as `parse` reads it."""
        year = "-" if self.year is None else f"{self.year:04d}"
        return f"{year}-{self.month:02d}-{self.day:02d}"

    def is_after(self, today: date) -> bool:
        """Whether the date lies in the future of `today`, the local date where the person is; never without a year."""
        return self.year is not None and date(self.year, self.month, self.day) > today

    def is_before(self, other: Self) -> bool:
        """Whether both years are known and the date lies before `other`."""
        if self.year is None or other.year is None:
            return False
        return (self.year, self.month, self.day) < (other.year, other.month, other.day)


def observed_on(occasion: CivilDate, year: int, rule: LeapDayRule) -> date | None:
    """Return the local date on which `occasion` is observed in `year`; None if `rule` leaves that year out.

    Looks at month and day only: whether the year counts at all (before the birth, say) is the kind's question.
    """
    if (occasion.month, occasion.day) != LEAP_DAY or isleap(year):
        return date(year, occasion.month, occasion.day)
    match rule:
        case LeapDayRule.FEB_28:
            return date(year, 2, 28)
        case LeapDayRule.MAR_1:
            return date(year, 3, 1)
        case LeapDayRule.LEAP_YEARS_ONLY:
            return None


def observing(local_date: date) -> Iterator[DayMatch]:
    """Yield every month and day observed on `local_date`: the inverse of `observed_on`, for a join by month and day."""
    yield DayMatch(local_date.month, local_date.day, None)
    if not isleap(local_date.year):
        if (local_date.month, local_date.day) == (2, 28):
            yield DayMatch(*LEAP_DAY, LeapDayRule.FEB_28)
        if (local_date.month, local_date.day) == (3, 1):
            yield DayMatch(*LEAP_DAY, LeapDayRule.MAR_1)


def _refuse_missing_day(given: CivilDate) -> None:
    year = A_LEAP_YEAR if given.year is None else given.year
    days = monthrange(year, given.month)[1]
    if 1 <= given.day <= days:
        return
    if (given.month, given.day) == LEAP_DAY:
        raise InvalidDate(
            f"{given} does not exist: {given.year} is not a leap year, the nearest days are {given.year}-02-28 and {given.year}-03-01"
        )
    raise InvalidDate(f"{given} does not exist: {month_name[given.month]} has the days 01 to {days}")


def _shown(text: str) -> str:
    return f'"{text}"' if text.isprintable() and len(text) <= 40 else "the text"
