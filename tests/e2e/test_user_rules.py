"""Each rule for a user's fields, as the caller of the REST API reads it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.rest import Api
from e2e.world import USERS, somebody

_LONG_ADDRESS = f"{'a' * 60}@{'.'.join(['b' * 60] * 3)}.example.com"
_NO_DATE = "is not a date: write YYYY-MM-DD, such as 1990-12-30, or --MM-DD where the year is unknown, such as --12-30."
_ABBREVIATION = "is an abbreviation, which several places share: use the IANA name of a place, e.g."
_NO_LOCALE = "is no language tag: write one as BCP 47 has it, such as en or pt-BR."

# What it is called: (field, what is sent, what the person reads).
_REFUSED = {
    "29 February of 1900": (
        "birthday",
        "1900-02-29",
        "1900-02-29 does not exist: 1900 is not a leap year, the nearest days are 1900-02-28 and 1900-03-01.",
    ),
    "31 September": ("birthday", "1990-09-31", "1990-09-31 does not exist: September has the days 01 to 30."),
    "day 0": ("birthday", "1990-09-00", "1990-09-00 does not exist: September has the days 01 to 30."),
    "month 13": ("anniversary", "2015-13-01", "2015-13-01 does not exist: months go from 01 to 12."),
    "30 February without a year": ("birthday", "--02-30", "--02-30 does not exist: February has the days 01 to 29."),
    "day and month turned": ("birthday", "30.12.1990", f'"30.12.1990" {_NO_DATE}'),
    "a time": ("birthday", "1990-12-30T00:00:00Z", f'"1990-12-30T00:00:00Z" {_NO_DATE}'),
    "digits of another script": ("birthday", "१९९०-12-30", f'"१९९०-12-30" {_NO_DATE}'),
    "before 1850": ("birthday", "1849-12-31", "1849-12-31 is too early: years start at 1850."),
    "abbreviation EST": ("timezone", "EST", f'"EST" {_ABBREVIATION} America/New_York.'),
    "abbreviation CET": ("timezone", "CET", f'"CET" {_ABBREVIATION} Europe/Paris.'),
    "wrong case": ("timezone", "europe/oslo", '"europe/oslo" is written in the wrong case: did you mean Europe/Oslo?'),
    "unknown zone": ("timezone", "Europe/Olso", '"Europe/Olso" is not a known time zone: did you mean Europe/Oslo?'),
    "city alone": ("timezone", "Sydney", '"Sydney" is not a known time zone: did you mean Australia/Sydney?'),
    "offset": (
        "timezone",
        "UTC+2",
        '"UTC+2" is an offset, which does not follow summer time: use the name of a place, such as Europe/Oslo.',
    ),
    "path": ("timezone", "../../etc/passwd", "This is not the name of a time zone: use an IANA name such as Europe/Oslo."),
    "no zone": ("timezone", "", "A time zone is needed: an IANA name such as Europe/Oslo."),
    "no first name": ("firstName", "", "The first name is missing."),
    "first name of spaces": ("firstName", " \t ", "The first name is missing."),
    "no last name": ("lastName", "", "The last name is missing."),
    "first name of 101": ("firstName", "x" * 101, "The first name has 101 characters: at most 100 are allowed."),
    "last name of 101": ("lastName", "é" * 101, "The last name has 101 characters: at most 100 are allowed."),
    "control character": ("lastName", "Love\x1blace", "The last name contains the control character U+001B: remove it."),
    "null byte in a name": ("firstName", "A\0da", '"firstName" holds a null byte.'),
    "null byte in an address": ("email", "a\0@example.com", '"email" holds a null byte.'),
    "null byte in an external id": ("externalId", "hr\0", '"externalId" holds a null byte.'),
    "no email": ("email", "", "The email is missing."),
    "no @": ("email", "ada.example.com", "The email is not valid: An email address must have an @-sign."),
    "two dots": ("email", "ada..l@example.com", "The email is not valid: An email address cannot have two periods in a row."),
    "long email": ("email", _LONG_ADDRESS, f"The email has {len(_LONG_ADDRESS)} characters: at most 254 are allowed."),
    "header injection": (
        "email",
        "ada@example.com\r\nBcc: all@example.com",
        "The email contains the control character U+000D: remove it.",
    ),
    "long external id": ("externalId", "7" * 129, "The external id has 129 characters: at most 128 are allowed."),
    "locale with underscore": ("locale", "pt_br", f'"pt_br" {_NO_LOCALE}'),
    "locale in words": ("locale", "english", f'"english" {_NO_LOCALE}'),
    "unknown leap day rule": ("leapDayRule", "MAR_2", '"leapDayRule" must be one of FEB_28, MAR_1, LEAP_YEARS_ONLY; did you mean "MAR_1"?'),
}
_REFUSED_OCCASIONS = {
    "misspelt": (["birthday", "birtday"], "suppressedOccasions[1]", '"birtday" is no kind of occasion: did you mean birthday?'),
    "unknown": (["xyz"], "suppressedOccasions[0]", '"xyz" is no kind of occasion: choose from anniversary, birthday.'),
    "number": ([7], "suppressedOccasions[0]", '"suppressedOccasions[0]" must be a string, not a number.'),
}


@pytest.fixture
def person() -> dict[str, Any]:
    return somebody(externalId=somebody()["email"])


def assert_refused(api: Api, person: dict[str, Any], field: str, sentence: str) -> None:
    answer = api.call("POST", USERS, person)
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert answer.violations == {field: sentence}
    assert answer.json["message"] == sentence
    assert api.ok("GET", USERS, externalId=person["externalId"][:128])["users"] == []


@pytest.mark.parametrize(("field", "sent", "sentence"), [pytest.param(*case, id=name) for name, case in _REFUSED.items()])
def test_a_field_that_breaks_a_rule_is_refused_in_words(api: Api, person: dict[str, Any], field: str, sent: str, sentence: str) -> None:
    if field == "externalId":
        answer = api.call("POST", USERS, {**person, field: sent})
        assert (answer.status, answer.violations) == (400, {field: sentence})
        assert api.ok("GET", USERS, email=person["email"])["users"] == []
    else:
        assert_refused(api, {**person, field: sent}, field, sentence)


@pytest.mark.parametrize(("occasions", "field", "sentence"), [pytest.param(*case, id=name) for name, case in _REFUSED_OCCASIONS.items()])
def test_an_occasion_that_is_none_is_refused(api: Api, person: dict[str, Any], occasions: list[Any], field: str, sentence: str) -> None:
    assert_refused(api, {**person, "suppressedOccasions": occasions}, field, sentence)


@pytest.mark.parametrize("field", ["birthday", "anniversary"])
def test_a_date_in_the_future_is_refused(api: Api, person: dict[str, Any], field: str) -> None:
    day = datetime.now(UTC).date() + timedelta(days=2)
    answer = api.call("POST", USERS, {**person, "timezone": "Etc/UTC", field: day.isoformat()})
    assert (answer.status, set(answer.violations)) == (400, {field})
    assert re.fullmatch(f"{day} lies in the future: today is [-0-9]{{10}} in Etc/UTC.", answer.violations[field])


def test_the_future_begins_where_the_person_is(api: Api, person: dict[str, Any]) -> None:
    furthest = (datetime.now(UTC) + timedelta(hours=14)).date()
    api.ok("POST", USERS, {**person, "timezone": "Pacific/Kiritimati", "birthday": furthest.isoformat()})
    behind = somebody(timezone="Pacific/Niue", birthday=furthest.isoformat())
    assert "lies in the future" in api.call("POST", USERS, behind).violations["birthday"]


def test_an_anniversary_before_the_birthday_is_refused(api: Api, person: dict[str, Any]) -> None:
    dates = {"birthday": "1990-12-10", "anniversary": "1990-12-09"}
    assert_refused(api, {**person, **dates}, "anniversary", "1990-12-09 is before the birthday, 1990-12-10.")


def test_all_mistakes_are_told_together(api: Api, person: dict[str, Any]) -> None:
    answer = api.call("POST", USERS, {**person, "firstName": " ", "timezone": "Europe/Olso", "birthday": "1900-02-29"})
    assert answer.status == 400
    assert set(answer.violations) == {"firstName", "timezone", "birthday"}
    assert all(sentence in answer.json["message"] for sentence in answer.violations.values())


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_change_keeps_the_rules_and_changes_nothing_if_it_does_not(api: Api, person: dict[str, Any], method: str) -> None:
    user = api.ok("POST", USERS, person)
    changes = {"timezone": "Europe/Olso", "lastName": "Changed"}
    answer = api.call(method, f"{USERS}/{user['id']}", changes if method == "PATCH" else {**person, **changes})
    assert (answer.status, set(answer.violations)) == (400, {"timezone"})
    assert api.ok("GET", f"{USERS}/{user['id']}") == user


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        pytest.param("firstName", "  Adamantine ", "Adamantine", id="trimmed"),
        pytest.param("lastName", "Ge\u0301rardine", "Gérardine", id="composed"),
        pytest.param("lastName", "O'Neill; DROP TABLE users; --", "O'Neill; DROP TABLE users; --", id="looks like SQL"),
        pytest.param("lastName", "<script>alert(1)</script>", "<script>alert(1)</script>", id="looks like a script"),
        pytest.param("firstName", "{{ 7 * 7 }}", "{{ 7 * 7 }}", id="looks like a template"),
        pytest.param("firstName", "👩‍👩‍👧‍👦 वणक्कम்", "👩‍👩‍👧‍👦 वणक्कम்", id="scripts and emoji"),
        pytest.param("timezone", "US/Eastern", "America/New_York", id="alias"),
        pytest.param("timezone", "Europe/Oslo", "Europe/Oslo", id="a country's own name"),
        pytest.param("timezone", "Asia/Calcutta", "Asia/Kolkata", id="old name"),
        pytest.param("birthday", "--02-29", "--02-29", id="leap day without a year"),
        pytest.param("birthday", "1850-01-01", "1850-01-01", id="earliest"),
        pytest.param("locale", "PT-br", "pt-BR", id="locale"),
        pytest.param("locale", "", "en", id="default locale"),
        pytest.param("leapDayRule", "LEAP_YEARS_ONLY", "LEAP_YEARS_ONLY", id="leap day rule"),
    ],
)
def test_what_is_right_is_stored_in_its_usual_form(api: Api, person: dict[str, Any], field: str, sent: str, stored: str) -> None:
    user = api.ok("POST", USERS, {**person, field: sent})
    assert user[field] == stored
    assert api.ok("GET", f"{USERS}/{user['id']}") == user
