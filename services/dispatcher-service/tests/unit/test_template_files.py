"""Templates an operator wrote: all checked at start, each mistake with its file and line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatcher_service.adapters.template_files import LARGEST_FILE_BYTES, PACKAGED, BadTemplates, load
from dispatcher_service.adapters.templates import Sending
from dispatcher_service.domain import CannotCompose, Due

MakeDue = Callable[..., Due]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGED, tmp_path / "templates"))


def mistakes(directory: Path, *kinds: str, sending: Sending | None = None) -> list[str]:
    with pytest.raises(BadTemplates) as refused:
        load(directory, kinds or ("anniversary", "birthday"), "en", sending or Sending())
    return list(refused.value.mistakes)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("Hey\n{{ first_name", 2, "unexpected end of template"),
        ("Hey\n\n{% if years %}", 3, "Unexpected end of template"),
        ("{{ nick_name }}", 1, "'nick_name' is undefined"),
        ("Hey\n{{ first_name.nick }}", 2, "has no attribute 'nick'"),
        ("{{ first_name | shout }}", 1, "No filter named 'shout'"),
        ("Hey\n{% if years > 4 %}\n{{ gift }}\n{% endif %}", 3, "'gift' is undefined"),
        ("{{ ''.__class__.__mro__ }}", 1, "access to attribute '__class__'"),
        ("{{ links.append(1) }}", 1, "has no attribute 'append'"),
        ("{% for x in range(10) %}x{% endfor %}", 1, "'range' is undefined"),
        ("{{ years | plural(one='year') }}", 1, 'plural has no form "other"'),
        ("{% include '../../../../../etc/passwd' %}", 1, "etc/passwd"),
    ],
)
def test_a_broken_template_is_named_with_its_line(directory: Path, text: str, line: int, said: str) -> None:
    path = directory / "birthday" / "on_the_day.en.txt"
    path.write_text(text)
    (mistake,) = mistakes(directory)
    assert mistake.startswith(f"{path}:{line}: ")
    assert said in mistake


def test_all_mistakes_are_told_together(directory: Path) -> None:
    (directory / "birthday" / "on_the_day.en.txt").write_text("{{ nick_name }}")
    (directory / "anniversary" / "belated.de.subject").write_text("{% if %}")
    (directory / "birthday" / "README").write_text("")
    assert len(mistakes(directory)) == 3


@pytest.mark.parametrize("name", ["on_the_day.en.text", "birthday.txt", "early.en.txt", "on_the_day.txt"])
def test_a_file_of_another_name_is_refused_and_not_passed_over(directory: Path, name: str) -> None:
    (directory / "birthday" / name).write_text("Hey")
    (mistake,) = mistakes(directory)
    assert mistake.startswith(str(directory / "birthday" / name))


def test_an_unknown_locale_is_refused(directory: Path) -> None:
    for part in ("subject", "txt"):
        (directory / "birthday" / f"on_the_day.xx.{part}").write_text("Hey")
    assert all('"xx" is no locale' in mistake for mistake in mistakes(directory))


def test_a_text_without_a_subject_is_refused(directory: Path) -> None:
    (directory / "birthday" / "on_the_day.it.txt").write_text("Ciao")
    (mistake,) = mistakes(directory)
    assert mistake.endswith("birthday/on_the_day.it.subject: is missing")


def test_an_empty_text_is_refused(directory: Path) -> None:
    (directory / "birthday" / "on_the_day.en.txt").write_text("{% if years %}Hey{% endif %}")
    (mistake,) = mistakes(directory)
    assert mistake.endswith("makes an empty text where years is 0")


def test_a_text_that_is_too_large_is_refused(directory: Path) -> None:
    (directory / "birthday" / "on_the_day.en.txt").write_text("x" * (LARGEST_FILE_BYTES + 1))
    assert any("is larger than 65536 bytes" in mistake for mistake in mistakes(directory))


def test_a_kind_without_the_default_language_is_refused(directory: Path) -> None:
    (directory / "birthday" / "belated.en.txt").unlink()
    (mistake,) = mistakes(directory)
    assert mistake.endswith("birthday/belated.en.txt: is missing")


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    assert any("is not a directory" in mistake for mistake in mistakes(tmp_path / "none"))


def test_a_link_that_a_template_uses_is_to_be_set(directory: Path, due: MakeDue) -> None:
    (directory / "birthday" / "on_the_day.en.txt").write_text("Hey, {{ first_name }}: {{ links.card }}")
    (mistake,) = mistakes(directory)
    assert "has no attribute 'card'" in mistake
    sending = Sending(links={"birthday": {"card": "https://example.com/card"}})
    letter = load(directory, ["birthday"], "en", sending).compose(due())
    assert letter.text == "Hey, Ada: https://example.com/card"


def test_an_operator_replaces_a_text_without_a_build(directory: Path, due: MakeDue) -> None:
    (directory / "birthday" / "on_the_day.en.txt").write_text("Many happy returns, {{ first_name }}!\n")
    assert load(directory, ["birthday"], "en", Sending()).compose(due()).text == "Many happy returns, Ada!"


def test_a_third_kind_is_one_directory(directory: Path, due: MakeDue) -> None:
    (directory / "namesday").mkdir()
    for variant, part in (("on_the_day", "subject"), ("on_the_day", "txt"), ("belated", "subject"), ("belated", "txt")):
        (directory / "namesday" / f"{variant}.en.{part}").write_text("Happy name day, {{ first_name }}!\n")
    composer = load(directory, ["anniversary", "birthday", "namesday"], "en", Sending())
    assert composer.compose(due(kind="namesday", locale="de")).text == "Happy name day, Ada!"


def test_a_third_kind_without_a_text_refuses_to_start(directory: Path) -> None:
    assert len([mistake for mistake in mistakes(directory, "namesday") if "namesday" in mistake]) == 4


def test_a_template_that_fails_on_what_a_message_holds_spares_the_process(directory: Path, due: MakeDue) -> None:
    (directory / "birthday" / "on_the_day.en.txt").write_text("Hey, {{ 7 // (first_name | length - 1) }}")
    composer = load(directory, ["birthday"], "en", Sending())
    with pytest.raises(CannotCompose) as refused:
        composer.compose(due(first_name="X"))
    assert refused.value.reason == "compose_failed"


def test_another_default_language(directory: Path, due: MakeDue) -> None:
    composer = load(directory, ["birthday"], "pt-BR", Sending())
    assert "hoje é o seu aniversário" in composer.compose(due(locale="ja")).text
