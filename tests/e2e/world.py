"""The running mesh as the tests see it: REST, the provider, the sky, and people who have not been used before."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from itertools import count
from time import monotonic, sleep
from typing import Any, TypeVar
from urllib.request import Request, urlopen

from backing import server
from backing.mesh import Mesh
from backing.server import Server
from e2e.rest import Api
from e2e.sky import Place, Sky

T = TypeVar("T")
User = dict[str, Any]
Message = dict[str, Any]

USERS = "/api/v1/users"
MESSAGES = "/api/v1/messages"
_BORN, _JOINED = 1960, 2000  # Leap years, so that each date of today is one in them.
_OBLIGING = {
    "failure_share": 0.0,
    "failure_codes": [500],
    "throttle_share": 0.0,
    "unsuccessful_share": 0.0,
    "drop_share": 0.0,
    "rubbish_share": 0.0,
    "slow_share": 0.0,
}
_numbers = count(1)


def eventually(look: Callable[[], T | None], what: str, *, seconds: float = 30) -> T:
    """The first answer that is neither None nor false; AssertionError naming `what` after the time-out."""
    until = monotonic() + seconds
    while not (found := look()):
        assert monotonic() < until, f"Waited {seconds:g} s in vain for {what}."
        sleep(0.05)
    return found


@contextmanager
def away(part: Server) -> Iterator[None]:
    """The server is stopped, and back afterwards."""
    part.process.stop()
    try:
        yield
    finally:
        server.start(part)


def somebody(**changes: object) -> dict[str, Any]:
    """The body that creates a person nobody else is, without an occasion unless it is given."""
    number = next(_numbers)
    person = {
        "firstName": f"Xiomara{number}",
        "lastName": f"Quistgaard{number}",
        "email": f"xiomara.{number}@example.com",
        "timezone": "Europe/Oslo",
    }
    return {**person, **changes}


def born(day: date) -> str:
    """A birthday that falls on the day."""
    return f"{_BORN}-{day:%m-%d}"


def joined(day: date) -> str:
    """An anniversary that falls on the day."""
    return f"{_JOINED}-{day:%m-%d}"


def years_since_joining(day: date) -> int:
    return day.year - _JOINED


class Provider:
    """The simulator's side of the story."""

    def __init__(self, url: str) -> None:
        self._url = url

    def letters(self, email: str) -> list[dict[str, Any]]:
        """All that was called in for an address, by idempotency key."""
        return [letter for letter in self._call("GET", "/received")["received"] if letter["email"] == email]

    def greetings(self, email: str) -> list[str]:
        """The texts that reached an address, one for each greeting."""
        return [letter["message"] for letter in self.letters(email) for _ in letter["accepted_at"]]

    def doubled(self) -> int:
        """How many people were greeted twice for one occasion."""
        return int(self._call("GET", "/stats")["doubled"])

    @contextmanager
    def behaving(self, **behaviour: object) -> Iterator[None]:
        """Another behaviour for a while."""
        self._call("POST", "/control", behaviour)
        try:
            yield
        finally:
            self._call("POST", "/control", _OBLIGING)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self._url}{path}", data=content, method=method), timeout=10) as response:
            return json.load(response)


class World:
    """Everything a test needs."""

    def __init__(self, mesh: Mesh, api: Api, sky: Sky) -> None:
        self.mesh = mesh
        self.api = api
        self.sky = sky
        self.provider = Provider(mesh.provider_url)

    def create(self, **changes: object) -> User:
        user: User = self.api.ok("POST", USERS, somebody(**changes))
        return user

    def create_at(self, place: Place, kind: str = "anniversary", **changes: object) -> User:
        """A person whose day is today there."""
        date_of = {"birthday": born, "anniversary": joined}[kind](place.today)
        return self.create(**{"timezone": place.timezone, kind: date_of, **changes})

    def patch(self, user: User, **changes: object) -> User:
        """The user after a change that must succeed."""
        changed: User = self.api.ok("PATCH", f"{USERS}/{user['id']}", changes)
        return changed

    def delete(self, user: User) -> User:
        deleted: User = self.api.ok("DELETE", f"{USERS}/{user['id']}")
        return deleted

    def restore(self, user: User) -> User:
        restored: User = self.api.ok("POST", f"{USERS}/{user['id']}:restore", {})
        return restored

    def messages(self, user: User, **filters: object) -> list[Message]:
        return list(self.api.all(MESSAGES, "messages", userId=user["id"], **filters))

    def message(self, user: User, state: str, *, seconds: float = 30, **fields: object) -> Message:
        """The user's only message, once it is in this state and has these fields."""
        seen: list[Message] = []

        def look() -> Message | None:
            seen[:] = self.messages(user)
            wanted = {"state": state, **fields}
            return next((message for message in seen if len(seen) == 1 and wanted.items() <= message.items()), None)

        try:
            return eventually(look, f"a message that is {state} {fields or ''}", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error} There is: {seen}") from None

    def replan(self, user: User) -> Mapping[str, Any]:
        """What the change that made this version of the user did to the plan, once it has."""

        def look() -> Mapping[str, Any] | None:
            entries = self.api.ok("GET", f"{USERS}/{user['id']}/replans")["replans"]
            return next((entry for entry in entries if entry["version"] == user["version"]), None)

        return eventually(look, f"the re-planning of version {user['version']}")

    def delivery(self, message: Message) -> dict[str, Any]:
        delivery: dict[str, Any] = self.api.ok("GET", f"/api/v1/deliveries/{message['id']}")
        return delivery
