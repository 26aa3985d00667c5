"""What is known about a person, and the rules each field has to keep."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from difflib import get_close_matches
from functools import partial

from occasions import zones
from occasions.calendar import local_date_at
from occasions.civil import CivilDate, InvalidDate, LeapDayRule
from occasions.occasion import Occasion
from occasions.zones import InvalidZone
from servicekit.errors import FieldViolation, Review, sentence
from user_service import text
from user_service.text import Mistake

LONGEST_NAME = 100
LONGEST_EXTERNAL_ID = 128
MOST_SUPPRESSED = 100
DATES = ("birthday", "anniversary")
DEFAULT_LOCALE = "en"
#: What rules for fields raise.
MISTAKES = (Mistake, InvalidDate, InvalidZone)
# Where the day is furthest ahead: what lies in the future even there does so for a person whose zone we could not read.
FIRST_TO_SEE_A_DAY = "Etc/GMT-14"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a caller says about a person, unchecked; empty where nothing is said. Its names are those of the API."""

    external_id: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    timezone: str = ""
    birthday: str = ""
    anniversary: str = ""
    leap_day_rule: str = ""
    locale: str = ""
    suppressed_occasions: tuple[str, ...] = ()


FIELDS = frozenset(field.name for field in fields(Draft))


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known about a person; every field keeps its rules."""

    external_id: str
    first_name: str
    last_name: str
    email: str
    timezone: str
    birthday: CivilDate | None
    anniversary: CivilDate | None
    leap_day_rule: LeapDayRule
    locale: str
    #: Sorted, each once.
    suppressed_occasions: tuple[str, ...]

    @property
    def dates(self) -> dict[str, CivilDate]:
        """The dates that are known, by field name."""
        known = {"birthday": self.birthday, "anniversary": self.anniversary}
        return {name: value for name, value in known.items() if value is not None}

    def draft(self) -> Draft:
        """The profile as a caller would say it."""
        return Draft(
            external_id=self.external_id,
            first_name=self.first_name,
            last_name=self.last_name,
            email=self.email,
            timezone=self.timezone,
            birthday=str(self.birthday or ""),
            anniversary=str(self.anniversary or ""),
            leap_day_rule=self.leap_day_rule.value,
            locale=self.locale,
            suppressed_occasions=self.suppressed_occasions,
        )


def check(draft: Draft, kinds: Mapping[str, Occasion], now: datetime, *, kept_occasions: Collection[str] = ()) -> Profile:
    """Return the profile that a draft describes, each field in its stored form.

    `kept_occasions` are suppressed already: they pass even if their kind is gone. Raises InvalidArgument with every violation.
    """
    review = Review(*MISTAKES)
    profile = Profile(
        external_id=review("externalId", "", lambda: text.optional("external id", draft.external_id, LONGEST_EXTERNAL_ID)),
        first_name=review("firstName", "", lambda: text.required("first name", draft.first_name, LONGEST_NAME)),
        last_name=review("lastName", "", lambda: text.required("last name", draft.last_name, LONGEST_NAME)),
        email=review("email", "", lambda: text.email(draft.email)),
        timezone=review("timezone", FIRST_TO_SEE_A_DAY, lambda: _zone(draft.timezone)),
        birthday=review("birthday", None, lambda: _date(draft.birthday)),
        anniversary=review("anniversary", None, lambda: _date(draft.anniversary)),
        leap_day_rule=review("leapDayRule", LeapDayRule.FEB_28, lambda: _leap_day_rule(draft.leap_day_rule)),
        locale=review("locale", DEFAULT_LOCALE, lambda: text.locale(draft.locale or DEFAULT_LOCALE)),
        suppressed_occasions=_suppressed(review, draft.suppressed_occasions, {*kinds, *kept_occasions}),
    )
    review.add(_future_dates(profile, now))
    review.add(FieldViolation(o.field, sentence(o.sentence)) for kind in kinds.values() for o in kind.objections(profile.dates))
    review.finish()
    return profile


def _zone(name: str) -> str:
    return zones.normalise(name.strip())


def _date(written: str) -> CivilDate | None:
    return CivilDate.parse(written.strip()) if written.strip() else None


def _leap_day_rule(name: str) -> LeapDayRule:
    try:
        return LeapDayRule(name or LeapDayRule.FEB_28)
    except ValueError:
        raise Mistake(f"the leap day rule is one of {', '.join(LeapDayRule)}") from None


def _suppressed(review: Review, names: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    if len(names) > MOST_SUPPRESSED:
        return review("suppressedOccasions", (), partial(_too_many, len(names)))
    checked = [review(f"suppressedOccasions[{place}]", "", partial(occasion, name, known)) for place, name in enumerate(names)]
    return tuple(sorted(set(checked)))


def _too_many(count: int) -> tuple[str, ...]:
    raise Mistake(f"there are {count} suppressed occasions: at most {MOST_SUPPRESSED} are allowed")


def occasion(name: str, known: Collection[str]) -> str:
    """Return the name of a kind that is known; raises Mistake with the nearest name."""
    if name in known:
        return name
    nearest = get_close_matches(name[:LONGEST_NAME], sorted(known), n=1)
    advice = f"did you mean {nearest[0]}?" if nearest else f"choose from {', '.join(sorted(known))}"
    raise Mistake(f"{text.shown(name)} is no kind of occasion: {advice}")


def _future_dates(profile: Profile, now: datetime) -> Iterable[FieldViolation]:
    today = local_date_at(profile.timezone, now)
    for field, value in profile.dates.items():
        if value.is_after(today):
            yield FieldViolation(field, f"{value} lies in the future: today is {today} in {profile.timezone}.")
