"""Page tokens: opaque, and good for one list only."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from servicekit.errors import FieldViolation, InvalidArgument

DEFAULT_PAGE_SIZE = 50
MOST_PAGE_SIZE = 1000
_FINGERPRINT_BYTES = 8


def page_size(asked: int) -> int:
    """Raises InvalidArgument outside of 0 to 1000."""
    if not 0 <= asked <= MOST_PAGE_SIZE:
        raise InvalidArgument([FieldViolation("pageSize", f"A page has 1 to {MOST_PAGE_SIZE} entries; {asked} were asked for.")])
    return asked or DEFAULT_PAGE_SIZE


def page_token(filters: object, key: tuple[str, ...]) -> str:
    """The token of the page after the entry of this key, in the list that `filters` describe."""
    return urlsafe_b64encode(_fingerprint(filters) + json.dumps(key).encode()).decode()


def page_start(filters: object, token: str) -> tuple[str, ...]:
    """The key after which a page begins; empty at the beginning. Raises InvalidArgument, also for another list's token."""
    if not token:
        return ()
    try:
        read = urlsafe_b64decode(token.encode("ascii"))
        key = tuple(map(str, json.loads(read[_FINGERPRINT_BYTES:])))
    except ValueError:
        raise _bad_token() from None
    if read[:_FINGERPRINT_BYTES] != _fingerprint(filters):
        raise _bad_token()
    return key


def _bad_token() -> InvalidArgument:
    return InvalidArgument([FieldViolation("pageToken", "The page token is not one that this list has given with these filters.")])


def _fingerprint(filters: object) -> bytes:
    return sha256(repr(filters).encode()).digest()[:_FINGERPRINT_BYTES]
