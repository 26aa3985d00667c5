"""Texts by which a list is narrowed."""

from uuid import UUID

from servicekit.errors import FieldViolation, InvalidArgument


def searchable(field: str, text: str) -> str:
    """A text that a database can be asked for; raises InvalidArgument for one with a null byte, which Postgres cannot hold."""
    if "\0" in text:
        raise InvalidArgument([FieldViolation(field, f"The {field} contains a null byte: remove it.")])
    return text


def user_id(field: str, text: str) -> UUID:
    """The id of a user; raises InvalidArgument for what is none."""
    found = uuid(text)
    if found is None:
        said = "This is not the id of a user: one looks like 01932c07-20a4-7cd1-8000-2b1f4a5e6d7c."
        raise InvalidArgument([FieldViolation(field, said)])
    return found


def uuid(text: str) -> UUID | None:
    """The UUID written in its usual form; None for all else."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None  # it also reads {...} and urn:uuid:...
