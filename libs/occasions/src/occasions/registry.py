import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from occasions import kinds
from occasions.occasion import Occasion

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class InvalidKind(Exception):
    """The kinds of occasion cannot be used together."""


def discover(*packages: ModuleType) -> Mapping[str, Occasion]:
    """Return every kind of `occasions.kinds` and of further packages, by name and in the order of the names.

    Each module is to hold one subclass of Occasion. Raises InvalidKind if one does not, or if two share a name.
    """
    found: dict[str, Occasion] = {}
    for kind in (kind for package in (kinds, *packages) for kind in _kinds_in(package)):
        if kind.name in found:
            raise InvalidKind(f'the kind "{kind.name}" is defined twice: by {_origin(found[kind.name])} and by {_origin(kind)}')
        found[kind.name] = kind
    return dict(sorted(found.items()))


def _kinds_in(package: ModuleType) -> Iterator[Occasion]:
    for module in iter_modules(package.__path__):
        yield _kind_of(import_module(f"{package.__name__}.{module.name}"))


def _kind_of(module: ModuleType) -> Occasion:
    classes = [value for value in vars(module).values() if _is_kind(value) and value.__module__ == module.__name__]
    if len(classes) != 1:
        raise InvalidKind(f"{module.__name__} is to define one subclass of Occasion, and defines {len(classes)}")
    kind: Occasion = classes[0]()
    if not _NAME.fullmatch(kind.name):
        raise InvalidKind(f'the name "{kind.name}" of {_origin(kind)} is not lower case letters, digits and _')
    return kind


def _is_kind(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Occasion)


def _origin(kind: Occasion) -> str:
    return f"{type(kind).__module__}.{type(kind).__name__}"
