"""Users are created and read through REST all the while that something is broken."""

import time
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from threading import Event
from typing import Any, Final
from uuid import uuid4

from e2e.rest import Api, segment
from e2e.world import USERS, somebody
from invariants import connect
from resilience.campaign import Campaign
from resilience.faults import Fault

_CALLERS: Final = 2
_PAUSE_SECONDS: Final = 0.15  # With the calls themselves some ten calls a second.
_INSIST_SECONDS: Final = 30.0
#: What a caller sees of a gateway that ends or is not there: no answer, which says nothing about the call.
UNANSWERED: Final = frozenset({"ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"})
_USERS_BY_EMAIL = "SELECT email, count(*) FROM users WHERE email = ANY(%s) GROUP BY email"


class Caller:
    """Creates a user and reads it, again and again; what fails is noted and repeated under the same Idempotency-Key."""

    def __init__(self, url: str) -> None:
        self._api = Api(url)
        self.created: dict[str, str] = {}  # the id by the address
        self.failures: Counter[str] = Counter()

    def call(self, enough: Event) -> None:
        while not enough.wait(_PAUSE_SECONDS):
            person = somebody(email=f"{uuid4()}@example.org")
            user = self._insist("POST", USERS, person, {"Idempotency-Key": str(uuid4())})
            self.created[person["email"]] = user["id"]
            assert self._insist("GET", f"{USERS}/{segment(user['id'])}")["email"] == person["email"]

    def _insist(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        until = time.monotonic() + _INSIST_SECONDS
        while True:
            try:
                answer = self._api.call(method, path, body, headers=headers)
            except (OSError, HTTPException) as error:
                failure = type(error).__name__
            else:
                if answer.status == HTTPStatus.OK:
                    return answer.json
                failure = f"{method} {answer.status} {answer.reason}"
            self.failures[failure] += 1
            assert time.monotonic() < until, f"{method} {path} failed for {_INSIST_SECONDS:g} s: {self.failures}"
            time.sleep(0.1)


def called(may_fail_by: Collection[str] = ()) -> Fault:
    """No call may fail but by these; what was answered with success stays, and nobody is created twice."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        enough, callers = Event(), [Caller(campaign.mesh.url) for _ in range(_CALLERS)]
        with ThreadPoolExecutor(_CALLERS) as pool:
            calls = [pool.submit(caller.call, enough) for caller in callers]
            try:
                yield
            finally:
                enough.set()
            for each in calls:
                each.result()
        created = {email: user for caller in callers for email, user in caller.created.items()}
        failures = sum((caller.failures for caller in callers), Counter[str]())
        print(f"{len(created)} users were created and read meanwhile; failed calls: {dict(failures)}")
        assert failures.keys() <= set(may_fail_by), dict(failures)
        _check(campaign, created)

    return fault


def _check(campaign: Campaign, created: dict[str, str]) -> None:
    assert created, "nobody called"
    api = Api(campaign.mesh.url)
    for email, user in created.items():
        assert api.ok("GET", f"{USERS}/{segment(user)}")["email"] == email
    with connect(campaign.mesh, "users") as users:
        assert dict(users.execute(_USERS_BY_EMAIL, [list(created)]).fetchall()) == dict.fromkeys(created, 1)
