"""How a wrong behaviour is turned on: one function, or one piece of SQL, is swapped before any test is imported."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final


@dataclass(frozen=True)
class Plant:
    """One wrong behaviour. `caught_by`: the test, or the parametrized tests, of which at least one fails."""

    sow: Callable[[], None]
    caught_by: str


PLANTS: Final[dict[str, Plant]] = {}


def planted(name: str, *caught_by: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Registers a wrong behaviour; `caught_by` is the id of a test in pieces."""

    def note(sow: Callable[[], None]) -> Callable[[], None]:
        PLANTS[name] = Plant(sow, "".join(caught_by))
        return sow

    return note


def around(owner: ModuleType | type, name: str, change: Callable[..., Any]) -> None:
    """Put `change(original, ...)` in the place of a function."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: change(original, *args, **kwargs))


def in_sql(module: ModuleType, name: str, said: str, instead: str) -> None:
    """Change a statement, which has to say what is taken out of it."""
    statement = getattr(module, name)
    assert said in statement, f"{module.__name__}.{name} does not say {said!r}"
    setattr(module, name, statement.replace(said, instead))


def clock_of_a_pod() -> str:
    """The clock of a pod that is an hour fast, as SQL."""
    return f"to_timestamp({time.time() + 3600})"
