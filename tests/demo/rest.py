import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen


class Refused(RuntimeError):
    """The API refused a call; the message says which, and its answer."""


class Rest:
    """Calls an HTTP API that speaks JSON."""

    def __init__(self, url: str) -> None:
        self._url = url

    def call(self, method: str, path: str, body: object = None, **query: str | int) -> Any:
        """Makes one call and returns the answer; raises Refused for any status but 2xx."""
        url = f"{self._url}{path}{'?' + urlencode(query) if query else ''}"
        payload = None if body is None else json.dumps(body).encode()
        request = Request(url, data=payload, method=method, headers={"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=30) as response:
                return json.load(response)
        except HTTPError as error:
            raise Refused(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from None

    def pages(self, path: str, field: str, **filters: str) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        token = ""
        while True:
            page = self.call("GET", path, pageSize=1000, pageToken=token, **filters)
            yield from page.get(field, [])
            token = page.get("nextPageToken", "")
            if not token:
                return
