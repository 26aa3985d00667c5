"""Which users a list is of."""

from collections.abc import Mapping
from dataclasses import dataclass

from occasions import zones
from occasions.civil import CivilDate
from occasions.occasion import Occasion
from servicekit.errors import Review
from user_service import text
from user_service.profile import DATES, LONGEST_EXTERNAL_ID, MISTAKES, occasion
from user_service.text import Mistake

_ANY_DAY = CivilDate(None, 1, 1)


@dataclass(frozen=True, slots=True)
class UserFilter:
    """What users have to be like to be listed; empty means any."""

    timezone: str = ""
    #: "12-30", looked for in the dates of `dates`.
    day: str = ""
    dates: tuple[str, ...] = DATES
    email_key: str = ""
    external_id: str = ""
    show_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a list as a caller says them, unchecked."""

    timezone: str = ""
    occasion_day: str = ""
    occasion: str = ""
    email: str = ""
    external_id: str = ""
    show_deleted: bool = False

    def check(self, kinds: Mapping[str, Occasion]) -> UserFilter:
        """Return the filter; raises InvalidArgument with every violation."""
        review = Review(*MISTAKES)
        wanted = UserFilter(
            timezone=review("timezone", "", self._timezone),
            day=review("occasionDay", "", self._day),
            dates=review("occasion", DATES, lambda: self._dates(kinds)),
            email_key=review("email", "", self._email),
            external_id=review("externalId", "", self._external_id),
            show_deleted=self.show_deleted,
        )
        review.finish()
        return wanted

    def _timezone(self) -> str:
        return zones.normalise(self.timezone) if self.timezone else ""

    def _day(self) -> str:
        if not self.occasion_day:
            return ""
        day = CivilDate.parse(self.occasion_day)
        if day.year is not None:
            raise Mistake(f"{day} has a year: a day of the year is written --{day.month:02d}-{day.day:02d}")
        return f"{day.month:02d}-{day.day:02d}"

    def _dates(self, kinds: Mapping[str, Occasion]) -> tuple[str, ...]:
        if not self.occasion:
            return DATES
        if not self.occasion_day:
            raise Mistake("an occasion is looked for on a day: give occasionDay too")
        return dates_of(kinds[occasion(self.occasion, kinds)])

    def _email(self) -> str:
        return text.email_key(text.optional("email", self.email, text.LONGEST_EMAIL))

    def _external_id(self) -> str:
        return text.optional("external id", self.external_id, LONGEST_EXTERNAL_ID)


def dates_of(kind: Occasion) -> tuple[str, ...]:
    """Return the dates of a user that a kind may count from."""
    return tuple(name for name in DATES if kind.source({name: _ANY_DAY}))
