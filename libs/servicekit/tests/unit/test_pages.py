from base64 import b64decode, urlsafe_b64encode
from datetime import date
from uuid import UUID

import pytest

from servicekit import pages
from servicekit.errors import InvalidArgument

LIST = ("people", None)
LAST = UUID(int=7)


def read(day: str, last: str) -> tuple[date, UUID]:
    return date.fromisoformat(day), UUID(last)


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    token = pages.token(LIST, "2026-03-14", str(LAST))
    assert pages.start(LIST, token, read) == (date(2026, 3, 14), LAST)
    assert pages.start(LIST, "", read) is None


@pytest.mark.parametrize(
    "token",
    [
        "rubbish",
        "!",
        "Zm9v",
        "ä",
        "A" * 5000,
        pages.token(LIST, "2026-03-14", str(LAST)) + "\0",
        pages.token(("people", "Oslo"), "2026-03-14", str(LAST)),
        pages.token(LIST),
        pages.token(LIST, "2026-03-14"),
        pages.token(LIST, "2026-02-30", str(LAST)),
        pages.token(LIST, 5, 6),
        pages.token(LIST, "2026-03-14", 6),
        urlsafe_b64encode(pages.token(LIST).encode()).decode(),
    ],
)
def test_a_token_that_is_not_this_lists_is_refused_forged_ones_too(token: str) -> None:
    with pytest.raises(pages.InvalidPageToken, match="The page token is not one of this list: use the nextPageToken of a response"):
        pages.start(LIST, token, read)


def forged(wanted: object, position: str) -> str:
    """A token whose fingerprint is right: it is no secret."""
    return urlsafe_b64encode(b64decode(pages.token(wanted), altchars=b"-_").removesuffix(b"[]") + position.encode()).decode()


@pytest.mark.parametrize("position", ["[1e400,1]", "[" * 100_000, "[NaN,1]", "null", "7", '{"a":1}', "[" + "9" * 5000 + ",1]"])
def test_a_forged_position_is_refused(position: str) -> None:
    with pytest.raises(pages.InvalidPageToken):
        pages.start(LIST, forged(LIST, position), lambda first, second: (int(first), int(second)))


@pytest.mark.parametrize("part", [-1, 8, 2**70, 1.5, True, "3", None])
def test_a_part_that_is_no_number_of_its_range_is_refused(part: object) -> None:
    assert [pages.number_between(0, 7, each) for each in (0, 7)] == [0, 7]
    with pytest.raises(ValueError, match=str(part)):
        pages.number_between(0, 7, part)


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (1000, 1000), (1001, 1000)])
def test_a_page_is_as_long_as_asked_and_never_longer_than_the_longest(asked: int, given: int) -> None:
    assert pages.size(asked) == given


def test_a_page_size_below_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="The page size is -1: it goes from 1 to 1000, 0 means 50"):
        pages.size(-1)
