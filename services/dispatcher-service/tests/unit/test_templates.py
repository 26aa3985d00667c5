"""The texts: what is said to whom in which language, and what a name may not do to them."""

from collections.abc import Callable
from itertools import product

import pytest

from dispatcher_service.adapters.template_files import PACKAGED, VARIANTS, load
from dispatcher_service.adapters.templates import LONGEST_TEXT, Sending, TemplateComposer, fallbacks
from dispatcher_service.domain import CannotCompose, Due
from occasions.registry import discover

MakeDue = Callable[..., Due]

LANGUAGES = ("en", "de", "fr", "es", "pt", "pt-BR")


@pytest.fixture(scope="module")
def composer() -> TemplateComposer:
    return load(PACKAGED, discover().keys(), "en", Sending())


def test_the_birthday_text(composer: TemplateComposer, due: MakeDue) -> None:
    assert composer.compose(due()).text == "Hey, Ada Lovelace it's your birthday"


@pytest.mark.parametrize(
    ("years", "text"),
    [
        (0, "Hey, Ada Lovelace it's your work anniversary!"),
        (1, "Hey, Ada Lovelace it's your work anniversary! 1 year with us!"),
        (2, "Hey, Ada Lovelace it's your work anniversary! 2 years with us!"),
        (11, "Hey, Ada Lovelace it's your work anniversary! 11 years with us!"),
    ],
)
def test_the_anniversary_text_has_the_years_only_when_they_are_known(
    composer: TemplateComposer, due: MakeDue, years: int, text: str
) -> None:
    assert composer.compose(due(kind="anniversary", years=years)).text == text


def test_a_belated_message_says_so(composer: TemplateComposer, due: MakeDue) -> None:
    letter = composer.compose(due(variant="belated"))
    assert "late" in letter.text
    assert "belated" in letter.subject


@pytest.mark.parametrize(("locale", "kind", "variant"), list(product(LANGUAGES, discover(), VARIANTS)))
def test_every_text_names_the_person(composer: TemplateComposer, due: MakeDue, locale: str, kind: str, variant: str) -> None:
    letter = composer.compose(due(locale=locale, kind=kind, variant=variant, years=7))
    assert "Ada Lovelace" in letter.text
    assert "Ada" in letter.subject
    assert ("7" in letter.text) is (kind == "anniversary")


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("pt-BR", "com a gente"),
        ("pt-br", "com a gente"),
        ("pt_BR", "com a gente"),
        ("pt-PT", "connosco"),
        ("pt", "connosco"),
        ("de-AT", "bei uns"),
        ("en-GB", "with us"),
        ("zh-Hant-TW", "with us"),
        ("", "with us"),
    ],
)
def test_the_nearest_language_is_taken(composer: TemplateComposer, due: MakeDue, locale: str, said: str) -> None:
    assert said in composer.compose(due(kind="anniversary", locale=locale, years=3)).text


def test_the_order_of_fallbacks() -> None:
    assert fallbacks("zh-Hant-TW", "en") == ("zh-hant-tw", "zh-hant", "zh", "en")


@pytest.mark.parametrize(
    ("locale", "one", "many"), [("de", "1 Jahr bei", "2 Jahre bei"), ("fr", "1 an avec", "2 ans avec"), ("es", "1 año", "2 años")]
)
def test_plurals_follow_the_language(composer: TemplateComposer, due: MakeDue, locale: str, one: str, many: str) -> None:
    assert one in composer.compose(due(kind="anniversary", locale=locale, years=1)).text
    assert many in composer.compose(due(kind="anniversary", locale=locale, years=2)).text


def test_the_same_message_makes_the_same_letter(composer: TemplateComposer, due: MakeDue) -> None:
    assert composer.compose(due(years=3)) == composer.compose(due(years=3))


def test_the_key_is_the_message_id(composer: TemplateComposer, due: MakeDue) -> None:
    assert composer.compose(due(index=41)).key == "00000000-0000-0000-0000-00000000002a"


def test_a_name_is_escaped_in_html_and_only_there(composer: TemplateComposer, due: MakeDue) -> None:
    letter = composer.compose(due(first_name="<b>Ada", last_name="O'Hara & Co"))
    assert "<b>Ada O'Hara & Co" in letter.text
    assert "&lt;b&gt;Ada O&#39;Hara &amp; Co" in letter.html
    assert "<b>" not in letter.html


@pytest.mark.parametrize("name", ["{{ 7 * 7 }}", "{% raw %}", "{{ config }}", "${7*7}", "%s", "{first_name}"])
def test_a_name_is_never_a_template(composer: TemplateComposer, due: MakeDue, name: str) -> None:
    assert composer.compose(due(first_name=name)).text == f"Hey, {name} Lovelace it's your birthday"


@pytest.mark.parametrize("name", ["Ada\r\nBcc: all@example.com", "Ada\nX: y", "Ada\x0b\x0cLovelace", "Ada\u2028X"])
def test_a_subject_is_one_line_whatever_the_name(composer: TemplateComposer, due: MakeDue, name: str) -> None:
    subject = composer.compose(due(first_name=name)).subject
    assert len(subject.splitlines()) == 1


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.com\r\nBcc: all@example.com",
        "ada@example.com,bob@example.com",
        "ada@b@example.com",
        "<ada@example.com>",
        "ada lovelace@example.com",
        "ada",
        "",
    ],
)
def test_an_address_that_could_reach_others_is_refused(composer: TemplateComposer, due: MakeDue, email: str) -> None:
    with pytest.raises(CannotCompose) as refused:
        composer.compose(due(email=email))
    assert refused.value.reason == "bad_address"


@pytest.mark.parametrize(("kind", "variant"), [("namesday", "on_the_day"), ("birthday", "early")])
def test_what_has_no_text_is_not_composed(composer: TemplateComposer, due: MakeDue, kind: str, variant: str) -> None:
    with pytest.raises(CannotCompose) as refused:
        composer.compose(due(kind=kind, variant=variant))
    assert refused.value.reason == "no_template"


def test_a_text_that_grows_beyond_bounds_is_not_composed(composer: TemplateComposer, due: MakeDue) -> None:
    with pytest.raises(CannotCompose):
        composer.compose(due(first_name="x" * LONGEST_TEXT))


def test_parts_that_the_provider_cannot_carry_are_left_out(due: MakeDue) -> None:
    letter = load(PACKAGED, discover().keys(), "en", Sending(parts=frozenset())).compose(due())
    assert (letter.subject, letter.text, letter.html) == ("", "Hey, Ada Lovelace it's your birthday", "")


def test_sender_and_reply_to_are_settings_of_the_kind(due: MakeDue) -> None:
    sending = Sending({"*": "Heyday <hey@example.com>", "anniversary": "HR <hr@example.com>"}, {"anniversary": "people@example.com"})
    composer = load(PACKAGED, discover().keys(), "en", sending)
    birthday, anniversary = composer.compose(due()), composer.compose(due(kind="anniversary"))
    assert (birthday.sender, birthday.reply_to) == ("Heyday <hey@example.com>", "")
    assert (anniversary.sender, anniversary.reply_to) == ("HR <hr@example.com>", "people@example.com")
