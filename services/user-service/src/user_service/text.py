"""Rules for single pieces of text: each returns the stored form, or raises Mistake with a sentence for a person."""

import re
from unicodedata import category, normalize

from email_validator import EmailNotValidError, validate_email

LONGEST_EMAIL = 254
LONGEST_LOCALE = 35  # RFC 5646, section 4.4.1

_LOCALE = re.compile(
    r"(?P<language>[a-z]{2,3})(?P<script>-[a-z]{4})?(?P<region>-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?P<rest>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?)"
)


class Mistake(ValueError):
    """The text does not keep a rule."""


def required(what: str, written: str, longest: int) -> str:
    """Return the text trimmed and in Unicode NFC."""
    tidy = optional(what, written, longest)
    if not any(map(str.isprintable, tidy)):
        raise Mistake(f"the {what} is missing")
    return tidy


def optional(what: str, written: str, longest: int) -> str:
    """Like `required`, and may be empty."""
    tidy = normalize("NFC", written).strip()
    _refuse_length(what, tidy, longest)  # first, so that a megabyte is not searched
    _refuse_controls(what, tidy)
    return tidy


def email(written: str) -> str:
    """Return the address in its normal form: NFC, the domain in lower case. Nothing is looked up."""
    tidy = written.strip()
    if not tidy:
        raise Mistake("the email is missing")
    _refuse_length("email", tidy, LONGEST_EMAIL)
    _refuse_controls("email", tidy)
    try:
        address = validate_email(tidy, check_deliverability=False)
    except EmailNotValidError as error:
        raise Mistake(f"the email is not valid: {error}") from None
    return address.normalized


def email_key(address: str) -> str:
    """Return that by which two addresses are the same: without regard to case, and to spaces around."""
    return normalize("NFC", address).strip().lower()


def locale(written: str) -> str:
    """Return a well-formed BCP 47 tag in its usual case: pt-BR, zh-Hans."""
    tidy = written.strip()
    match = _LOCALE.fullmatch(tidy.lower()) if len(tidy) <= LONGEST_LOCALE else None
    if match is None:
        raise Mistake(f"{shown(tidy)} is no language tag: write one as BCP 47 has it, such as en or {_nearest_locale(tidy)}")
    script, region = match["script"] or "", match["region"] or ""
    return f"{match['language']}{script.title()}{region.upper()}{match['rest']}"


def shown(written: str) -> str:
    """Return a caller's text in quotes, if it is fit to be shown."""
    return f'"{written}"' if written.isprintable() and len(written) <= 40 else "the text"


def has_controls(written: str) -> bool:
    return any(category(character) in {"Cc", "Zl", "Zp"} for character in written)


def _refuse_controls(what: str, tidy: str) -> None:
    for character in tidy:
        if has_controls(character):
            name = "a null byte" if character == "\0" else f"the control character U+{ord(character):04X}"
            raise Mistake(f"the {what} contains {name}: remove it")


def _refuse_length(what: str, tidy: str, longest: int) -> None:
    if len(tidy) > longest:
        raise Mistake(f"the {what} has {len(tidy)} characters: at most {longest} are allowed")


def _nearest_locale(tidy: str) -> str:
    hyphenated = tidy.split(".", maxsplit=1)[0].replace("_", "-")
    return locale(hyphenated) if _LOCALE.fullmatch(hyphenated.lower()) and hyphenated != tidy else "pt-BR"
