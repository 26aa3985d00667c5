"""The OpenAPI document as a promise: what it says of an answer is checked on every answer that the tests get."""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft4Validator, FormatChecker

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Contract:
    """Holds answers against a document of OpenAPI 2, strictly: no field it does not name, and none left out that is always there."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        definitions = document["definitions"]
        self._definitions = {name: _strict(definition, definitions) for name, definition in definitions.items()}
        self._definitions["Status"]["required"] = ["code", "message"]  # An error need not have details.
        # A custom verb wins over an id: the longer template first.
        self._paths = [(_pattern(path), path) for path in sorted(document["paths"], key=len, reverse=True)]

    @property
    def calls(self) -> set[str]:
        """All calls, as "GET /api/v1/users"."""
        return {f"{method.upper()} {path}" for path, methods in self._document["paths"].items() for method in methods}

    def check(self, method: str, target: str, status: int, content: bytes) -> None:
        """Raises AssertionError if the answer is not as the document says; a call that it does not name is answered with a Status."""
        path = urlsplit(target).path
        if not path.startswith("/api/") or status == 304:
            return
        template = next((template for pattern, template in self._paths if pattern.fullmatch(path)), None)
        call = self._document["paths"].get(template, {}).get(method.lower())
        schema = self._schema(call, status) if call else {"$ref": "#/definitions/Status"}
        errors = list(self._validator(schema).iter_errors(json.loads(content)))
        assert not errors, f"{method} {path} answered {status}, and not as /openapi.json says: {errors[0].message} at {errors[0].json_path}"

    def _schema(self, call: dict[str, Any], status: int) -> dict[str, Any]:
        answer = call["responses"].get(str(status))
        assert answer is not None, f"{call['operationId']} answered {status}, which /openapi.json does not name."
        found: dict[str, Any] = answer["schema"]
        return found

    def _validator(self, schema: dict[str, Any]) -> Draft4Validator:
        return Draft4Validator({**schema, "definitions": self._definitions}, format_checker=_formats)


def _strict(definition: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "properties" not in definition or definition.get("additionalProperties"):
        return definition
    always = [name for name, field in definition["properties"].items() if not _may_be_absent(field, definitions)]
    # In draft 4 whatever stands beside a $ref is ignored.
    return {**definition, "additionalProperties": False, "required": always}


def _may_be_absent(field: dict[str, Any], definitions: dict[str, Any]) -> bool:
    """Times and objects are left out where there is none."""
    referred = definitions.get(str(field.get("$ref", "")).removeprefix("#/definitions/"), {})
    return field.get("format") == "date-time" or referred.get("type") == "object"


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", template)))
