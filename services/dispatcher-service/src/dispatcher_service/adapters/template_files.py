"""Reads and checks the template files, all of them, before the first letter is composed."""

import re
import traceback
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateRuntimeError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from dispatcher_service import metrics
from dispatcher_service.adapters.templates import Sending, TemplateComposer, Text, render, variables_of
from dispatcher_service.domain import CannotCompose

PACKAGED = Path(__file__).parent.parent / "templates"
VARIANTS = ("on_the_day", "belated")
PARTS = ("subject", "txt", "html")
LARGEST_FILE_BYTES = 64 << 10

_NAME = re.compile(rf"(?P<variant>[a-z_]+)\.(?P<locale>[A-Za-z0-9-]+)\.(?P<part>{'|'.join(PARTS)})")
# Every branch on the years is to be seen: unknown, one, few, many.
_TRIAL_YEARS = (0, 1, 2, 5, 21, 100)


class BadTemplates(Exception):
    """The templates cannot be used; each mistake names its file, and the line where it is known."""

    def __init__(self, mistakes: Collection[str]) -> None:
        self.mistakes = sorted(mistakes)
        super().__init__("\n  ".join(["The templates have mistakes:", *self.mistakes]))


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    kind: str
    variant: str
    locale: str
    part: str


def load(directory: Path, kinds: Collection[str], default_locale: str, sending: Sending) -> TemplateComposer:
    """A composer of the texts under `directory`; raises BadTemplates with every mistake found.

    Each of `kinds` needs subject and txt for both variants in the default locale. A directory of a kind that is not among them is loaded
    too: a planner that is a release ahead may send it. Files whose name begins with "_" are for other templates to include.
    """
    loader = _Loader(directory, sending)
    for file in loader.files():
        loader.load(file)
    loader.expect((kind, variant, default_locale) for kind in kinds for variant in VARIANTS)
    if loader.mistakes:
        raise BadTemplates(loader.mistakes)
    texts = loader.texts()
    metrics.TEMPLATES.set(len(texts))
    return TemplateComposer(texts, default_locale, sending)


class _Loader:
    def __init__(self, directory: Path, sending: Sending) -> None:
        self.mistakes: set[str] = set()
        self._directory = directory
        self._sending = sending
        #: By kind, variant and locale, the parts there are files of; None for one that cannot be used.
        self._parts: dict[tuple[str, str, str], dict[str, Template | None]] = {}
        self._environments: dict[str, ImmutableSandboxedEnvironment] = {}

    def files(self) -> Iterator[_File]:
        if not self._directory.is_dir():
            self.mistakes.add(f"{self._directory}: is not a directory")
            return
        for path in sorted(self._directory.glob("*/*")):
            if path.name.startswith(("_", ".")) or path.parent.name.startswith(("_", ".")):
                continue
            match = _NAME.fullmatch(path.name)
            if match is None or match["variant"] not in VARIANTS:
                self.mistakes.add(f"{path}: is not named <{' or '.join(VARIANTS)}>.<locale>.<{' or '.join(PARTS)}>")
            else:
                yield _File(path, path.parent.name, match["variant"], match["locale"], match["part"])

    def load(self, file: _File) -> None:
        parts = self._parts.setdefault((file.kind, file.variant, file.locale.lower()), {})
        parts[file.part] = template = self._template(file)
        if template is not None:
            self._try(file, template)

    def expect(self, defaults: Iterable[tuple[str, str, str]]) -> None:
        """Every text, and those of the default locale whether there is a file or not, needs its subject and its txt."""
        texts = {(kind, variant, locale.lower()): locale for kind, variant, locale in defaults}
        for kind, variant, locale in {**dict.fromkeys(self._parts), **texts}:
            shown = texts.get((kind, variant, locale), locale)
            for part in {"subject", "txt"} - self._parts.get((kind, variant, locale), {}).keys():
                self.mistakes.add(f"{self._directory / kind / f'{variant}.{shown}.{part}'}: is missing")

    def texts(self) -> dict[tuple[str, str, str], Text]:
        """All that was loaded; to be called when there are no mistakes."""
        loaded = {text: {part: template for part, template in parts.items() if template} for text, parts in self._parts.items()}
        return {text: Text(**parts) for text, parts in loaded.items()}

    def _template(self, file: _File) -> Template | None:
        if file.path.stat().st_size > LARGEST_FILE_BYTES:
            self.mistakes.add(f"{file.path}: is larger than {LARGEST_FILE_BYTES} bytes")
            return None
        try:
            return self._environment(file.locale).get_template(file.path.relative_to(self._directory).as_posix())
        except (UnknownLocaleError, ValueError) as error:
            self.mistakes.add(f'{file.path}: "{file.locale}" is no locale ({error})')
        except TemplateSyntaxError as error:
            self.mistakes.add(f"{error.filename or file.path}:{error.lineno}: {error.message}")
        return None

    def _try(self, file: _File, template: Template) -> None:
        """Render with every trial input, so that no message is the first to find a mistake."""
        links = self._sending.links.get(file.kind) or self._sending.links.get("*") or {}
        for years in _TRIAL_YEARS:
            try:
                text = render(template, variables_of("Ada", "Lovelace", years, links))
            except CannotCompose as error:
                self.mistakes.add(f"{file.path}: {error}")
            except Exception as error:
                self.mistakes.add(f"{_place(error, template, file.path)}: {error}")
            else:
                if not text.strip():
                    self.mistakes.add(f"{file.path}: makes an empty text where years is {years}")

    def _environment(self, locale: str) -> ImmutableSandboxedEnvironment:
        if locale not in self._environments:
            self._environments[locale] = _environment(self._directory, Locale.parse(locale, sep="-"))
        return self._environments[locale]


def _environment(directory: Path, locale: Locale) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(directory),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        auto_reload=False,
    )
    # The templates are rendered without globals; the check must not find any either. No range means no endless loop.
    environment.globals.clear()

    form_of = lru_cache(locale.plural_form)

    def plural(count: int, **forms: str) -> str:
        form = forms.get(form_of(count)) or forms.get("other")
        if form is None:
            raise TemplateRuntimeError(f'plural has no form "{form_of(count)}" and no "other"')
        return form

    environment.filters["plural"] = plural
    return environment


def _place(error: Exception, template: Template, path: Path) -> str:
    """File and line of the template's code that raised."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == template.filename and frame.lineno is not None:
            return f"{path}:{template.get_corresponding_lineno(frame.lineno)}"
    return str(path)
