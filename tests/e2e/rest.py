"""A caller of the REST API that sees everything: status, headers, body; each answer is held against the OpenAPI document."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from e2e.openapi import Contract

_PERSONAL = ("firstName", "lastName", "email", "birthday", "anniversary", "externalId")
_LEAST_TELLING = 7  # Shorter texts, such as "Li", are found in any log.


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def violations(self) -> dict[str, str]:
        """What is wrong with which field; the first sentence where there are more."""
        found: dict[str, str] = {}
        for detail in self.json["details"]:
            for violation in detail.get("fieldViolations", []):
                found.setdefault(violation["field"], violation["description"])
        return found

    @property
    def reason(self) -> str:
        return next((str(detail["reason"]) for detail in self.json["details"] if "reason" in detail), "")

    @property
    def metadata(self) -> dict[str, str]:
        return next((dict(detail["metadata"]) for detail in self.json["details"] if "metadata" in detail), {})


class Api:
    """Calls one gateway, and remembers every personal text it sent: none may turn up in a log."""

    def __init__(self, url: str, contract: Contract | None = None) -> None:
        self._address = urlsplit(url).netloc
        self._contract = contract
        self.personal: set[str] = set()

    def call(self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None, **query: Any) -> Answer:
        """One call; a body that is no bytes is sent as JSON."""
        self._remember(body if isinstance(body, dict) else {})
        self._remember(query)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self.send(method, f"{path}?{urlencode(query)}" if query else path, content, sent)

    def send(self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        """One call as it is given."""
        connection = HTTPConnection(self._address, timeout=30)
        try:
            connection.request(method, target, content, dict(headers))
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, named, response.read())
        finally:
            connection.close()
        if self._contract is not None:
            self._contract.check(method, target, answer.status, answer.content)
        return answer

    def ok(self, method: str, path: str, body: object = None, **query: Any) -> Any:
        """The answer of a call that must succeed."""
        answer = self.call(method, path, body, **query)
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.content!r}"
        return answer.json

    def all(self, path: str, field: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        token = ""
        while True:
            page = self.ok("GET", path, **query, **({"pageToken": token} if token else {}))
            yield from page[field]
            if not (token := page["nextPageToken"]):
                return

    def _remember(self, fields: Mapping[str, Any]) -> None:
        said = (fields.get(name) for name in _PERSONAL)
        self.personal |= {text for text in said if isinstance(text, str) and len(text) >= _LEAST_TELLING}


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")
