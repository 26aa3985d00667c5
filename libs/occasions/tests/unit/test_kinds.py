import sys
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from occasions import kinds
from occasions.civil import CivilDate, LeapDayRule
from occasions.kinds.anniversary import Anniversary
from occasions.kinds.birthday import Birthday
from occasions.occasion import Objection, Occasion, Variant
from occasions.registry import InvalidKind, discover

KINDS = discover()

HALF_BIRTHDAY = '''
from occasions.civil import CivilDate
from occasions.occasion import Occasion


class HalfBirthday(Occasion):
    """The day in the middle between two birthdays."""

    name = "half_birthday"

    def source(self, dates):
        birthday = dates.get("birthday")
        return birthday and CivilDate(birthday.year, (birthday.month + 5) % 12 + 1, min(birthday.day, 28))
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "more_kinds").mkdir()
    (tmp_path / "more_kinds" / "__init__.py").touch()
    yield __import__("more_kinds")
    for name in [name for name in sys.modules if name.split(".")[0] == "more_kinds"]:
        del sys.modules[name]


def write(package: ModuleType, file: str, text: str) -> None:
    Path(package.__path__[0], file).write_text(text)


@pytest.mark.vectors("kinds.csv")
def test_occasion_of_a_year(row: dict[str, str]) -> None:
    kind = KINDS[row["kind"]]
    source = kind.source(_dates(row))
    observed = source and kind.observed_on(source, int(row["year"]), LeapDayRule(row["rule"]))
    assert (observed.isoformat() if observed else "") == row["observed_on"]
    if source and observed:
        assert kind.years(source, observed) == int(row["years"])


def test_the_kinds_there_are() -> None:
    assert {name: type(kind) for name, kind in KINDS.items()} == {"anniversary": Anniversary, "birthday": Birthday}
    assert list(KINDS) == ["anniversary", "birthday"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_sent_at_nine(kind: Occasion) -> None:
    assert kind.send_time == time(9)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
@pytest.mark.parametrize("rule", LeapDayRule)
def test_a_join_by_month_and_day_finds_what_observed_on_says(kind: Occasion, rule: LeapDayRule) -> None:
    sources = [CivilDate(None, (date(2000, 1, 1) + timedelta(n)).month, (date(2000, 1, 1) + timedelta(n)).day) for n in range(366)]
    for year in (2027, 2028, 2100):
        for source in sources:
            joined = [day for day in _near(source, year) if (source.month, source.day) in _asked_for(kind, day, rule)]
            observed = kind.observed_on(source, year, rule)
            assert joined == ([observed] if observed else [])


def test_the_variants_are_named_as_the_templates_are() -> None:
    assert [str(variant) for variant in Variant] == ["on_the_day", "belated"]


@pytest.mark.parametrize(
    ("birthday", "anniversary", "sentences"),
    [
        ("1990-12-30", "1990-12-29", ["1990-12-29 is before the birthday, 1990-12-30"]),
        ("1990-12-30", "1990-12-30", []),
        ("1990-12-30", "2015-01-01", []),
        ("1990-12-30", "--01-01", []),
        ("--12-30", "1850-01-01", []),
        ("1990-12-30", "", []),
        ("", "1850-01-01", []),
        ("", "", []),
    ],
)
def test_an_anniversary_before_the_birthday(birthday: str, anniversary: str, sentences: list[str]) -> None:
    dates = _dates({"birthday": birthday, "anniversary": anniversary})
    assert list(Anniversary().objections(dates)) == [Objection("anniversary", sentence) for sentence in sentences]
    assert list(Birthday().objections(dates)) == []


def test_a_third_kind_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_birthday.py").write_text(HALF_BIRTHDAY)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "occasions.kinds.half_birthday", raising=False)
    found = discover()
    assert list(found) == ["anniversary", "birthday", "half_birthday"]
    source = found["half_birthday"].source({"birthday": CivilDate(1990, 8, 31)})
    assert source is not None
    assert found["half_birthday"].observed_on(source, 2026, LeapDayRule.FEB_28) == date(2026, 2, 28)
    assert found["half_birthday"].years(source, date(2026, 2, 28)) == 0
    assert found["half_birthday"].send_time == time(9)


def test_kinds_of_a_further_package(package: ModuleType) -> None:
    write(package, "half_birthday.py", HALF_BIRTHDAY)
    assert list(discover(package)) == ["anniversary", "birthday", "half_birthday"]
    assert list(discover()) == ["anniversary", "birthday"]


def test_two_kinds_of_one_name_are_refused(package: ModuleType) -> None:
    write(package, "half_birthday.py", HALF_BIRTHDAY.replace('"half_birthday"', '"birthday"'))
    with pytest.raises(InvalidKind) as refusal:
        discover(package)
    sentence = 'the kind "birthday" is defined twice: by occasions.kinds.birthday.Birthday and by more_kinds.half_birthday.HalfBirthday'
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("text", "count"), [("from occasions.kinds.birthday import Birthday", 0), (HALF_BIRTHDAY + HALF_BIRTHDAY.replace("Half", "Whole"), 2)]
)
def test_a_file_that_is_not_one_kind_is_refused(package: ModuleType, text: str, count: int) -> None:
    write(package, "half_birthday.py", text)
    with pytest.raises(InvalidKind) as refusal:
        discover(package)
    assert str(refusal.value) == f"more_kinds.half_birthday is to define one subclass of Occasion, and defines {count}"


@pytest.mark.parametrize("name", ["Half", "half birthday", "half-birthday", "1st", "", "../half"])
def test_a_name_that_cannot_be_a_directory_or_a_column_is_refused(package: ModuleType, name: str) -> None:
    write(package, "half_birthday.py", HALF_BIRTHDAY.replace('"half_birthday"', f'"{name}"'))
    with pytest.raises(InvalidKind) as refusal:
        discover(package)
    assert str(refusal.value) == f'the name "{name}" of more_kinds.half_birthday.HalfBirthday is not lower case letters, digits and _'


def _dates(row: Mapping[str, str]) -> dict[str, CivilDate]:
    return {field: CivilDate.parse(row[field]) for field in ("birthday", "anniversary") if row[field]}


def _near(source: CivilDate, year: int) -> list[date]:
    around = date(year, source.month, min(source.day, 28))
    return [around + timedelta(days=n) for n in range(-3, 5)]


def _asked_for(kind: Occasion, day: date, rule: LeapDayRule) -> set[tuple[int, int]]:
    return {(match.month, match.day) for match in kind.observing(day) if match.rule in {None, rule}}
