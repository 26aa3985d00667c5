"""docs/guarantees.md promises nothing that no test shows."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "guarantees.md").read_text()
_NAME = re.compile(r"`(test_\w+)`")
_PROMISES = re.findall(r"^(?:- .*(?:\n  .*)*|\| (?!---|.*shown by).*\|)$", _PAGE, re.MULTILINE)


def names_of_tests() -> set[str]:
    files = (file for top in ("libs", "services", "tests") for file in (_ROOT / top).rglob("test_*.py"))
    return {name for file in files for name in re.findall(r"^\s*(?:async )?def (test_\w+)\(", file.read_text(), re.MULTILINE)}


def test_every_named_test_exists() -> None:
    named = set(_NAME.findall(_PAGE))
    assert len(named) > 30
    assert named - names_of_tests() == set()


@pytest.mark.parametrize("promise", _PROMISES, ids=lambda promise: promise[2:42])
def test_every_promise_names_a_test(promise: str) -> None:
    assert _NAME.search(promise), promise


def test_the_promises_are_found() -> None:
    assert len(_PROMISES) == _PAGE.count("\n- ") + _PAGE.count("\n| `")
