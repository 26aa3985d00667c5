"""Mends in place what the OpenAPI generator makes of our protos: `python tools/tidy_openapi.py DOCUMENT`.

It takes /users/{id} and /users/{user.id} for two paths, which OpenAPI forbids, and lists services that have no call in the document.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def tidy(document: dict[str, Any]) -> None:
    paths: dict[str, Any] = {}
    for path, calls in document["paths"].items():
        paths.setdefault(path.replace("{user.id}", "{id}"), {}).update(calls)
    document["paths"] = paths
    used = set()
    for call in _calls(document):
        used.update(call["tags"])
        for parameter in call.get("parameters", []):
            if parameter["name"] == "user.id":
                parameter["name"] = "id"
    document["tags"] = [tag for tag in document["tags"] if tag["name"] in used]


def _calls(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for calls in document["paths"].values():
        yield from calls.values()


if __name__ == "__main__":
    file = Path(sys.argv[1])
    document = json.loads(file.read_text(encoding="utf-8"))
    tidy(document)
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
