from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occasions import registry
from servicekit.errors import InvalidArgument
from user_service.profile import Draft, check

MakeDraft = Callable[..., Draft]

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
KINDS = registry.discover()
LONG_ADDRESS = f"{'a' * 60}@{'.'.join(['b' * 60] * 3)}.example.com"

REFUSED = {
    "first name empty": ("first_name", "", "firstName", "The first name is missing."),
    "first name of spaces": ("first_name", " \t ", "firstName", "The first name is missing."),
    "first name invisible": ("first_name", "\u200b", "firstName", "The first name is missing."),
    "last name empty": ("last_name", "", "lastName", "The last name is missing."),
    "first name too long": ("first_name", "x" * 101, "firstName", "The first name has 101 characters: at most 100 are allowed."),
    "last name too long": ("last_name", "ß" * 200, "lastName", "The last name has 200 characters: at most 100 are allowed."),
    "a megabyte": ("last_name", "\0" * 1_000_000, "lastName", "The last name has 1000000 characters: at most 100 are allowed."),
    "too many occasions": (
        "suppressed_occasions",
        ("birthday",) * 101,
        "suppressedOccasions",
        "There are 101 suppressed occasions: at most 100 are allowed.",
    ),
    "null byte": ("first_name", "A\0da", "firstName", "The first name contains a null byte: remove it."),
    "control character": ("last_name", "Love\x1blace", "lastName", "The last name contains the control character U+001B: remove it."),
    "line separator": ("last_name", "Love\u2028lace", "lastName", "The last name contains the control character U+2028: remove it."),
    "header injection": (
        "email",
        "ada@example.com\r\nBcc: b@example.com",
        "email",
        "The email contains the control character U+000D: remove it.",
    ),
    "email empty": ("email", "", "email", "The email is missing."),
    "email without @": ("email", "ada.example.com", "email", "The email is not valid: An email address must have an @-sign."),
    "email too long": ("email", LONG_ADDRESS, "email", f"The email has {len(LONG_ADDRESS)} characters: at most 254 are allowed."),
    "email with two dots": (
        "email",
        "ada..l@example.com",
        "email",
        "The email is not valid: An email address cannot have two periods in a row.",
    ),
    "external id too long": ("external_id", "7" * 129, "externalId", "The external id has 129 characters: at most 128 are allowed."),
    "external id with null byte": ("external_id", "a\0", "externalId", "The external id contains a null byte: remove it."),
    "zone empty": ("timezone", "", "timezone", "A time zone is needed: an IANA name such as Europe/Oslo."),
    "zone abbreviation": (
        "timezone",
        "EST",
        "timezone",
        '"EST" is an abbreviation, which several places share: use the IANA name of a place, e.g. America/New_York.',
    ),
    "zone abbreviation CET": (
        "timezone",
        "CET",
        "timezone",
        '"CET" is an abbreviation, which several places share: use the IANA name of a place, e.g. Europe/Paris.',
    ),
    "zone in wrong case": ("timezone", "europe/oslo", "timezone", '"europe/oslo" is written in the wrong case: did you mean Europe/Oslo?'),
    "zone unknown": ("timezone", "Europe/Olso", "timezone", '"Europe/Olso" is not a known time zone: did you mean Europe/Oslo?'),
    "29 February of 1900": (
        "birthday",
        "1900-02-29",
        "birthday",
        "1900-02-29 does not exist: 1900 is not a leap year, the nearest days are 1900-02-28 and 1900-03-01.",
    ),
    "31 September": ("birthday", "1990-09-31", "birthday", "1990-09-31 does not exist: September has the days 01 to 30."),
    "30 February without a year": ("birthday", "--02-30", "birthday", "--02-30 does not exist: February has the days 01 to 29."),
    "month 13": ("anniversary", "2015-13-01", "anniversary", "2015-13-01 does not exist: months go from 01 to 12."),
    "before 1850": ("birthday", "1849-12-31", "birthday", "1849-12-31 is too early: years start at 1850."),
    "not a date": (
        "birthday",
        "30.12.1990",
        "birthday",
        '"30.12.1990" is not a date: write YYYY-MM-DD, such as 1990-12-30, or --MM-DD where the year is unknown, such as --12-30.',
    ),
    "in the future": (
        "birthday",
        "2026-06-16",
        "birthday",
        "2026-06-16 lies in the future: today is 2026-06-15 in Europe/London.",
    ),
    "anniversary before birthday": ("anniversary", "1990-12-09", "anniversary", "1990-12-09 is before the birthday, 1990-12-10."),
    "leap day rule": ("leap_day_rule", "MAR_2", "leapDayRule", "The leap day rule is one of FEB_28, MAR_1, LEAP_YEARS_ONLY."),
    "locale with underscore": (
        "locale",
        "pt_br",
        "locale",
        '"pt_br" is no language tag: write one as BCP 47 has it, such as en or pt-BR.',
    ),
    "locale in words": (
        "locale",
        "english",
        "locale",
        '"english" is no language tag: write one as BCP 47 has it, such as en or pt-BR.',
    ),
    "occasion misspelt": (
        "suppressed_occasions",
        ("birthday", "birtday"),
        "suppressedOccasions[1]",
        '"birtday" is no kind of occasion: did you mean birthday?',
    ),
    "occasion unknown": (
        "suppressed_occasions",
        ("xyz",),
        "suppressedOccasions[0]",
        '"xyz" is no kind of occasion: choose from anniversary, birthday.',
    ),
}

KEPT = {
    "trimmed": ("first_name", "  Ada ", "Ada"),
    "composed": ("last_name", "Ge\u0301rard", "G\u00e9rard"),
    "100 characters": ("first_name", "x" * 100, "x" * 100),
    "100 characters after composing": ("first_name", "e\u0301" * 100, "\u00e9" * 100),
    "a joiner within a name": ("first_name", "\u0646\u200c\u0645", "\u0646\u200c\u0645"),
    "an apostrophe, for SQL": ("last_name", "O'Brien'); DROP TABLE users;--", "O'Brien'); DROP TABLE users;--"),
    "domain in lower case": ("email", " Ada@EXAMPLE.com ", "Ada@example.com"),
    "a country's own zone": ("timezone", "Europe/Oslo", "Europe/Oslo"),
    "an alias": ("timezone", "US/Eastern", "America/New_York"),
    "language": ("locale", "", "en"),
    "language and region": ("locale", "PT-br", "pt-BR"),
    "language and script": ("locale", "zh-hans-cn", "zh-Hans-CN"),
    "occasions once and sorted": ("suppressed_occasions", ("birthday", "anniversary", "birthday"), ("anniversary", "birthday")),
    "external id": ("external_id", " hr-7 ", "hr-7"),
}


def violations(draft: Draft, now: datetime = NOON) -> list[tuple[str, str]]:
    with pytest.raises(InvalidArgument) as raised:
        check(draft, KINDS, now)
    return [(violation.field, violation.description) for violation in raised.value.violations]


@pytest.mark.parametrize(("name", "value", "field", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(draft: MakeDraft, name: str, value: object, field: str, sentence: str) -> None:
    assert violations(draft(**{name: value})) == [(field, sentence)]


@pytest.mark.parametrize(("name", "value", "kept"), KEPT.values(), ids=KEPT)
def test_kept(draft: MakeDraft, name: str, value: object, kept: object) -> None:
    assert getattr(check(draft(**{name: value}), KINDS, NOON), name) == kept


def test_two_mistakes_are_reported_together(draft: MakeDraft) -> None:
    found = violations(draft(email="nobody", timezone="Mars/Olympus", birthday="2026-02-30"))
    assert [field for field, _ in found] == ["email", "timezone", "birthday"]


def test_a_future_date_is_reported_beside_a_zone_that_is_unknown(draft: MakeDraft) -> None:
    assert [field for field, _ in violations(draft(timezone="Mars/Olympus", birthday="2030-01-01"))] == ["timezone", "birthday"]


@pytest.mark.parametrize(("zone", "is_future"), [("Pacific/Kiritimati", False), ("Etc/GMT+12", True)])
def test_the_future_begins_after_today_in_the_users_own_zone(draft: MakeDraft, zone: str, is_future: bool) -> None:
    tomorrow_in_utc = draft(timezone=zone, birthday="2026-06-16")
    if is_future:
        assert violations(tomorrow_in_utc) == [("birthday", "2026-06-16 lies in the future: today is 2026-06-15 in Etc/GMT+12.")]
    else:
        assert str(check(tomorrow_in_utc, KINDS, NOON).birthday) == "2026-06-16"


def test_an_anniversary_on_the_birthday_itself_is_kept(draft: MakeDraft) -> None:
    assert check(draft(anniversary="1990-12-10"), KINDS, NOON).anniversary is not None


def test_an_anniversary_without_a_year_has_no_order(draft: MakeDraft) -> None:
    assert str(check(draft(anniversary="--01-01"), KINDS, NOON).anniversary) == "--01-01"


def test_29_february_without_a_year_is_somebodys_birthday(draft: MakeDraft) -> None:
    assert str(check(draft(birthday="--02-29"), KINDS, NOON).birthday) == "--02-29"


def test_an_occasion_suppressed_before_its_kind_went_does_not_stand_in_the_way(draft: MakeDraft) -> None:
    said = draft(suppressed_occasions=("nameday",))
    assert check(said, KINDS, NOON, kept_occasions=("nameday",)).suppressed_occasions == ("nameday",)


def test_a_profile_says_itself_again(draft: MakeDraft) -> None:
    profile = check(draft(anniversary="2015-03-01", leap_day_rule="MAR_1", suppressed_occasions=("birthday",)), KINDS, NOON)
    assert check(profile.draft(), KINDS, NOON) == profile


def test_the_message_of_the_whole_names_every_mistake(draft: MakeDraft) -> None:
    with pytest.raises(InvalidArgument, match=r"The first name is missing\. The email is missing\."):
        check(draft(first_name="", email=""), KINDS, NOON)


drafts = st.builds(
    Draft,
    external_id=st.text(max_size=140),
    first_name=st.text(max_size=110),
    last_name=st.text(max_size=110),
    email=st.text(max_size=20) | st.emails(),
    timezone=st.sampled_from(["Europe/Oslo", "US/Eastern", "UTC"]) | st.text(max_size=20),
    birthday=st.dates().map(str) | st.text(max_size=12),
    anniversary=st.dates().map("--{0:%m-%d}".format) | st.text(max_size=12),
    leap_day_rule=st.sampled_from(["", "MAR_1", "mar_1"]),
    locale=st.from_regex(r"[a-z]{2,3}(-[A-Za-z]{4})?(-[A-Za-z]{2})?", fullmatch=True) | st.text(max_size=10),
    suppressed_occasions=st.lists(st.sampled_from(["birthday", "anniversary", "x"]), max_size=3).map(tuple),
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(drafts)
def test_whatever_is_said_is_kept_in_a_form_that_stays_or_is_refused_in_sentences(said: Draft) -> None:
    try:
        profile = check(said, KINDS, NOON)
    except InvalidArgument as refused:
        odd: list[object] = [v for v in refused.violations if not v.field or v.description[0] in " :" or v.description[-1] not in ".?"]
    else:
        odd = [] if check(profile.draft(), KINDS, NOON) == profile else [profile]
    assert not odd
