"""Kubernetes' own schemas, from a locked package, and those of custom resources, from a folder that SCHEMAS_DIR names."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]

#: The oldest version that is supported.
KUBERNETES: Final = "1.34"
SCHEMAS: Final = Path(os.environ.get("SCHEMAS_DIR", "/nowhere"))


def is_custom(each: dict[str, Any]) -> bool:
    """Whether the object's schema is not part of Kubernetes."""
    group = each["apiVersion"].rpartition("/")[0]
    return ("." in group and not group.endswith(".k8s.io")) or group == "gateway.networking.k8s.io"


def validate(each: dict[str, Any]) -> None:
    """Raises unless the object is as its schema says, without one unknown field. A custom one is not looked at without SCHEMAS_DIR."""
    if not is_custom(each):
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    elif SCHEMAS.is_dir():
        jsonschema.validate(each, _schema(each["apiVersion"], each["kind"]))


@cache
def _schema(api_version: str, kind: str) -> Any:
    group, version = api_version.split("/")
    return json.loads((SCHEMAS / "crds" / group / f"{kind.lower()}_{version}.json").read_text(encoding="utf-8"))
