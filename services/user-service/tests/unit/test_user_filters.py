import pytest

from occasions import registry
from servicekit.errors import InvalidArgument
from user_service.filters import UserFilter, Wanted

KINDS = registry.discover()

REFUSED = {
    "zone": ({"timezone": "Europe/Olso"}, "timezone", '"Europe/Olso" is not a known time zone: did you mean Europe/Oslo?'),
    "day with a year": (
        {"occasion_day": "1990-12-30"},
        "occasionDay",
        "1990-12-30 has a year: a day of the year is written --12-30.",
    ),
    "impossible day": ({"occasion_day": "--02-30"}, "occasionDay", "--02-30 does not exist: February has the days 01 to 29."),
    "occasion misspelt": (
        {"occasion_day": "--12-30", "occasion": "birtday"},
        "occasion",
        '"birtday" is no kind of occasion: did you mean birthday?',
    ),
    "occasion without a day": ({"occasion": "birthday"}, "occasion", "An occasion is looked for on a day: give occasionDay too."),
    "email with a null byte": ({"email": "a\0@b"}, "email", "The email contains a null byte: remove it."),
    "external id too long": ({"external_id": "x" * 129}, "externalId", "The external id has 129 characters: at most 128 are allowed."),
}


@pytest.mark.parametrize(("said", "field", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused_filters(said: dict[str, str], field: str, sentence: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        Wanted(**said).check(KINDS)  # type: ignore[arg-type]
    assert [(v.field, v.description) for v in raised.value.violations] == [(field, sentence)]


def test_two_mistakes_of_a_list_are_reported_together() -> None:
    with pytest.raises(InvalidArgument) as raised:
        Wanted(timezone="EST", occasion_day="today").check(KINDS)
    assert [violation.field for violation in raised.value.violations] == ["timezone", "occasionDay"]


def test_filters_take_their_stored_form() -> None:
    wanted = Wanted(timezone="US/Eastern", occasion_day="--02-29", occasion="anniversary", email=" Ada@Example.com", external_id=" 7 ")
    assert wanted.check(KINDS) == UserFilter("America/New_York", "02-29", ("anniversary",), "ada@example.com", "7")


def test_an_occasion_of_any_kind_is_looked_for_in_both_dates() -> None:
    assert Wanted(occasion_day="--12-30").check(KINDS).dates == ("birthday", "anniversary")
