from collections.abc import Callable
from typing import NoReturn

import pytest

from servicekit.errors import FieldViolation, InvalidArgument, Review


def refuse(error: Exception) -> Callable[[], NoReturn]:
    def rule() -> NoReturn:
        raise error

    return rule


def test_mistakes_are_told_together_in_the_order_of_the_rules() -> None:
    review = Review(KeyError, ArithmeticError)
    assert review("age", 0, lambda: 7) == 7
    assert review("size", 1, refuse(ArithmeticError("the size is odd"))) == 1
    two = [FieldViolation("zone", "No such zone."), FieldViolation("day", "No such day.")]
    assert review("filter", "", refuse(InvalidArgument(two))) == ""
    assert review("name", "", refuse(InvalidArgument("The name is taken."))) == ""
    with pytest.raises(InvalidArgument) as refused:
        review.finish()
    assert refused.value.violations == (FieldViolation("size", "The size is odd."), *two, FieldViolation("name", "The name is taken."))


def test_without_a_mistake_nothing_is_raised() -> None:
    review = Review()
    assert review("age", 0, lambda: 7) == 7
    review.finish()


def test_an_error_that_is_no_mistake_passes() -> None:
    with pytest.raises(ValueError, match="of our own"):
        Review(KeyError)("age", 0, refuse(ValueError("of our own")))
