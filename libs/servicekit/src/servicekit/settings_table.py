"""The settings of a service as a table for people, and the check that its README shows it."""

import json
import types
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from servicekit.settings import ServiceSettings

_TYPE_NAMES = {SecretStr: "secret", Path: "path", str: "text", int: "integer", float: "number", bool: "true or false", dict: "JSON object"}


def settings_table(cls: type[ServiceSettings]) -> str:
    """A markdown table of all settings of `cls`: name, type, default, meaning; the service's own first."""
    rows = [
        f"| `{name.upper()}` | {_type_name(field.annotation)} | {_default(field)} | {field.description} |" for name, field in _fields(cls)
    ]
    return "\n".join(["| setting | type | default | meaning |", "|---|---|---|---|", *rows])


def assert_readme_matches(readme: Path, cls: type[ServiceSettings]) -> None:
    """Raise AssertionError, showing the right table, unless `readme` contains `settings_table(cls)`."""
    table = settings_table(cls)
    assert table in readme.read_text(encoding="utf-8"), f"{readme.name} lacks the table of settings; it should contain:\n\n{table}\n"


def _fields(cls: type[ServiceSettings]) -> list[tuple[str, FieldInfo]]:
    own = [name for name in cls.model_fields if name in cls.__annotations__]
    return [(name, cls.model_fields[name]) for name in [*own, *(name for name in cls.model_fields if name not in own)]]


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if origin in (Union, types.UnionType):
        return _type_name(next(part for part in get_args(annotation) if part is not types.NoneType))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    return _TYPE_NAMES.get(origin or annotation, "JSON")


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=False)
    if field.is_required() or default is PydanticUndefined:
        return "required"
    if isinstance(default, SecretStr) or default in (None, "", {}, []):
        return "none"
    return f"`{_text(default)}`"


def _text(default: Any) -> str:
    if isinstance(default, dict | list | bool):
        return json.dumps(default)
    return str(default.value if isinstance(default, Enum) else default)
