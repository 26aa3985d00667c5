import re
from datetime import date
from hashlib import sha256
from uuid import UUID

# yyyymmdd, then the version (8) and variant (8) that a UUID of our own making carries, at their fixed places.
_FORM = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})[0-9a-f]{4}8[0-9a-f]{3}8[0-9a-f]{15}")


class InvalidMessageId(ValueError):
    """This is not the id of a message."""


def message_id(user_id: UUID, kind: str, local_date: date) -> UUID:
    """Return the id of the one message for this person, kind of occasion and local date of the occasion: the same for every caller.

    A UUIDv8: its first eight digits read as the local date (yyyymmdd), the rest is SHA-256 over the user id's 16 bytes, the kind and
    those eight digits; so SQL can compute it from built-in functions, and can order and prune by it.
    """
    day = digits_of(local_date)
    digest = sha256(user_id.bytes + f"{kind}{day}".encode()).hexdigest()
    return UUID(f"{day}{digest[:4]}8{digest[4:7]}8{digest[7:22]}")


def digits_of(local_date: date) -> str:
    """Return the yyyymmdd that the id of every message of this local date begins with."""
    return local_date.isoformat().replace("-", "")  # strftime does not pad years


def local_date_of(message: UUID) -> date:
    """Return the local date in a message's id. Raises InvalidMessageId for an id that `message_id` cannot have made."""
    match = _FORM.fullmatch(message.hex)
    if match is None:
        raise _invalid(message)
    year, month, day = match.groups()
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise _invalid(message) from None


def _invalid(message: UUID) -> InvalidMessageId:
    return InvalidMessageId(f"{message} is not the id of a message: one starts with a date, as 20260314-....-8...-8...-............ does")
