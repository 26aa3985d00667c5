"""Texts by which a list is narrowed."""

from servicekit.errors import FieldViolation, InvalidArgument


def searchable(field: str, text: str) -> str:
    """A text that a database can be asked for; raises InvalidArgument for one with a null byte, which Postgres cannot hold."""
    if "\0" in text:
        raise InvalidArgument([FieldViolation(field, f"The {field} contains a null byte: remove it.")])
    return text
