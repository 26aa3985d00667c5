"""Letters from template files: <kind>/<variant>.<locale>.{subject,txt,html}."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from jinja2 import Template, TemplateError

from dispatcher_service.domain import CannotCompose, Due, Letter

LONGEST_TEXT = 100_000  # characters; a template that loops over its input must not fill the memory
_UNFIT_FOR_HEADER = re.compile(r'[ <>,;"\\]')

Variables = dict[str, object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Text:
    """The templates of one kind, variant and locale."""

    subject: Template
    txt: Template
    html: Template | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What letters carry beside the text; by kind, and under "*" for the kinds that have no entry."""

    senders: Mapping[str, str] = field(default_factory=dict)
    reply_to: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: The parts that the provider can carry: rendering the others would be most of the work of a letter.
    parts: frozenset[str] = frozenset({"subject", "html"})


class TemplateComposer:
    """Composes letters from the text in the nearest language."""

    def __init__(self, texts: Mapping[tuple[str, str, str], Text], default_locale: str, sending: Sending) -> None:
        self._texts = texts
        self._default_locale = default_locale.lower()
        self._sending = sending
        self._nothing: Mapping[str, str] = {}

    def compose(self, due: Due) -> Letter:
        text = self._text(due)
        variables = variables_of(due.first_name, due.last_name, due.years, _for_kind(self._sending.links, due.kind, self._nothing))
        try:
            subject = " ".join(render(text.subject, variables).split()) if "subject" in self._sending.parts else ""
            body = render(text.txt, variables)
            html = render(text.html, variables) if text.html and "html" in self._sending.parts else ""
        except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError) as error:
            raise CannotCompose("compose_failed", f"{type(error).__name__}: {error}") from error
        if not _fit_for_header(due.email):
            raise CannotCompose("bad_address")
        sender, reply_to = _for_kind(self._sending.senders, due.kind, ""), _for_kind(self._sending.reply_to, due.kind, "")
        return Letter(str(due.id), due.email, subject, body, html, sender, reply_to)

    def _text(self, due: Due) -> Text:
        for locale in fallbacks(due.locale, self._default_locale):
            text = self._texts.get((due.kind, due.variant, locale))
            if text is not None:
                return text
        raise CannotCompose("no_template", f"There is no {due.variant} text for the kind {due.kind}.")


@lru_cache(maxsize=1024)
def fallbacks(locale: str, default: str) -> tuple[str, ...]:
    """The locales to try, nearest first, in lower case: pt-BR, pt, en."""
    parts = locale.lower().replace("_", "-").split("-")
    return (*("-".join(parts[:length]) for length in range(len(parts), 0, -1)), default)


def variables_of(first_name: str, last_name: str, years: int, links: Mapping[str, str]) -> Variables:
    """What a template may use."""
    return {"first_name": first_name, "last_name": last_name, "years": years, "links": links}


def render(template: Template, variables: Variables) -> str:
    # Template.render copies globals and variables for every call; sharing them costs 4 us instead of 11.
    text = "".join(template.root_render_func(template.new_context(variables, shared=True)))
    if len(text) > LONGEST_TEXT:
        raise CannotCompose("compose_failed", f"The text has more than {LONGEST_TEXT} characters.")
    return text


def _for_kind(by_kind: Mapping[str, T], kind: str, otherwise: T) -> T:
    return by_kind.get(kind) or by_kind.get("*") or otherwise


def _fit_for_header(address: str) -> bool:
    return address.count("@") == 1 and address.isprintable() and _UNFIT_FOR_HEADER.search(address) is None
