from collections.abc import Callable, Iterable
from typing import TypeVar

from occasions.civil import InvalidDate
from occasions.zones import InvalidZone
from servicekit.errors import FieldViolation, InvalidArgument
from user_service.text import Mistake, sentence

T = TypeVar("T")


class Review:
    """Collects the mistakes of all fields, so that a caller learns of them at once."""

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []

    def __call__(self, field: str, fallback: T, rule: Callable[[], T]) -> T:
        """Return what the rule returns; if it finds a mistake, note it under the field and go on with the fallback."""
        try:
            return rule()
        except (Mistake, InvalidDate, InvalidZone) as mistake:
            self.add([FieldViolation(field, sentence(str(mistake)))])
            return fallback

    def add(self, violations: Iterable[FieldViolation]) -> None:
        self._violations.extend(violations)

    def finish(self) -> None:
        """Raise InvalidArgument if there was any mistake."""
        if self._violations:
            raise InvalidArgument(self._violations)
