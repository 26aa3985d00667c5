"""Page tokens: where a page begins, bound to the list it is of, so that no other list takes them."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from servicekit.errors import FieldViolation, InvalidArgument

DEFAULT_SIZE = 50
LARGEST_SIZE = 1000


def size(asked: int) -> int:
    """Raises InvalidArgument."""
    if not 0 <= asked <= LARGEST_SIZE:
        raise InvalidArgument(
            [FieldViolation("pageSize", f"The page size is {asked}: it goes from 1 to {LARGEST_SIZE}, 0 means {DEFAULT_SIZE}.")]
        )
    return asked or DEFAULT_SIZE


def token(wanted: object, *position: str | int) -> str:
    """The token of the page after `position` of the list that `wanted` describes."""
    return urlsafe_b64encode(json.dumps([_fingerprint(wanted), *position], separators=(",", ":")).encode()).decode()


def start(wanted: object, given: str) -> list[Any] | None:
    """The position after which a page begins; None at the beginning. Raises InvalidArgument, also for another list's token."""
    if not given:
        return None
    position: list[Any]
    try:
        fingerprint, *position = json.loads(urlsafe_b64decode(given.encode("ascii")))
    except (ValueError, TypeError):
        fingerprint, position = "", []
    if fingerprint != _fingerprint(wanted):
        raise InvalidArgument(
            [FieldViolation("pageToken", "The page token is not one of this list: take next_page_token of the same filters.")]
        )
    return position


def _fingerprint(wanted: object) -> str:
    return sha256(repr(wanted).encode()).hexdigest()[:16]
