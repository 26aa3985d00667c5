"""Pages of lists: how long they are, and tokens that say where the next begins, bound to the list they are of."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from servicekit.errors import FieldViolation, InvalidArgument

DEFAULT_SIZE = 50
LARGEST_SIZE = 1000
_FINGERPRINT_BYTES = 8
#: A number where UUID() wants a text is an AttributeError, int() of 1e400 an OverflowError, brackets within brackets a RecursionError.
_FORGED = (AttributeError, OverflowError, RecursionError, TypeError, ValueError)

P = TypeVar("P")


class InvalidPageToken(InvalidArgument):
    """The page token is not one of this list: use the nextPageToken of a response to the same filters, or none."""

    def __init__(self) -> None:
        super().__init__([FieldViolation("pageToken", (type(self).__doc__ or "").strip())])


def size(asked: int, default: int = DEFAULT_SIZE) -> int:
    """The entries of a page: 0 means the default, and more than the largest page means that. Raises InvalidArgument below 0."""
    if asked < 0:
        raise InvalidArgument(
            [FieldViolation("pageSize", f"The page size is {asked}: it goes from 1 to {LARGEST_SIZE}, 0 means {default}.")]
        )
    return min(asked or default, LARGEST_SIZE)


def token(wanted: object, *position: str | int) -> str:
    """The token of the page after `position` of the list that `wanted` describes by its repr."""
    return urlsafe_b64encode(_fingerprint(wanted) + json.dumps(position, separators=(",", ":")).encode()).decode()


def start(wanted: object, given: str, read: Callable[..., P]) -> P | None:
    """The position after which a page begins, as `read` makes it of its parts; None at the beginning.

    Raises InvalidPageToken, for another list's token, and where `read` raises what builders raise for parts of the wrong kind.
    """
    if not given:
        return None
    try:
        taken = b64decode(given, altchars=b"-_", validate=True)
        if taken[:_FINGERPRINT_BYTES] == _fingerprint(wanted):
            return read(*json.loads(taken[_FINGERPRINT_BYTES:]))
    except _FORGED:
        pass
    raise InvalidPageToken


def number_between(least: int, most: int, part: object) -> int:
    """A number of a position, as its column can hold it; raises ValueError for all else."""
    if type(part) is not int or not least <= part <= most:
        raise ValueError(part)
    return part


def _fingerprint(wanted: object) -> bytes:
    return sha256(repr(wanted).encode()).digest()[:_FINGERPRINT_BYTES]
