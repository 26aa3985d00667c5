"""People who change their date through REST while greetings are under way, and so are owed one at once."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from http import HTTPStatus
from typing import Any, Final
from urllib.error import HTTPError, URLError
from uuid import UUID

from e2e.sky import Place, Sky
from invariants import connect
from occasions.identity import message_id
from resilience.campaign import Campaign, wait_until

_CALLERS: Final = 4
_ACCEPTED_WITHIN_SECONDS: Final = 60.0
_WAITING = "SELECT count(*) FROM messages WHERE user_id = ANY(%s::uuid[]) AND state = 'SCHEDULED'"


def users_url(campaign: Campaign, user_id: str = "") -> str:
    return f"{campaign.mesh.url}/api/v1/users{user_id and '/'}{user_id}"


def place_past() -> Place:
    """Where nine o'clock of today is past."""
    return Sky({"birthday": time_of_day(9)}).both_on_one_date("birthday")[1]


def new_address(campaign: Campaign) -> str:
    """An e-mail address that nobody has, by the seed."""
    return f"{campaign.random.getrandbits(64):016x}@example.org"


@dataclass(frozen=True)
class Movers:
    """People whose birthday is planned for tomorrow, where today's nine o'clock is past."""

    campaign: Campaign
    place: Place
    users: Sequence[str]

    @contextmanager
    def moving_to_today(self, at: datetime) -> Iterator[dict[UUID, datetime]]:
        """From `at` on each of them moves to today: tomorrow's plan is withdrawn, a new one made, and due at once.

        Gives a mapping that is filled by the end of the block: the message of each, and when the change was acknowledged.
        """
        acknowledged: dict[UUID, datetime] = {}
        with ThreadPoolExecutor(_CALLERS) as pool:
            moves = [pool.submit(self._move, user, at) for user in self.users]
            yield acknowledged
            for user, move in zip(self.users, moves, strict=True):
                acknowledged[message_id(UUID(user), "birthday", self.place.today)] = move.result()

    def _move(self, user: str, at: datetime) -> datetime:
        time.sleep(max(at.timestamp() - time.time(), 0))
        _insist(self.campaign, users_url(self.campaign, user), {"birthday": f"1990-{self.place.today:%m-%d}"}, "PATCH")
        return datetime.now(UTC)


def movers(campaign: Campaign, number: int) -> Movers:
    """Create that many through REST, and wait until tomorrow is planned for each."""
    place = place_past()
    birthday = place.today + timedelta(days=1)
    addresses = [new_address(campaign) for _ in range(number)]
    with ThreadPoolExecutor(_CALLERS) as pool:
        users = list(pool.map(lambda email: create(campaign, place.timezone, birthday, email), addresses))
    wait_until(lambda: _waiting(campaign, users) == number, 60, "the plan of everybody's tomorrow")
    return Movers(campaign, place, users)


def create(campaign: Campaign, timezone: str, birthday: date, email: str) -> str:
    """Create somebody through REST, born in 1990; return their id."""
    person = {
        "firstName": "Ada",
        "lastName": "Lovelace",
        "email": email,
        "timezone": timezone,
        "birthday": f"1990-{birthday:%m-%d}",
    }
    return str(_insist(campaign, users_url(campaign), person, "POST")["id"])


def _insist(campaign: Campaign, url: str, body: object, method: str) -> Any:
    """The answer; a call that fails is made again, for the service may be broken at this moment, or just be back."""
    until = time.monotonic() + _ACCEPTED_WITHIN_SECONDS
    while True:
        try:
            return campaign.post(url, body, method)
        except (HTTPError, URLError, TimeoutError, ConnectionError) as error:
            if time.monotonic() > until or (isinstance(error, HTTPError) and error.code < HTTPStatus.INTERNAL_SERVER_ERROR):
                raise
            time.sleep(0.2)


def _waiting(campaign: Campaign, users: Sequence[str]) -> int:
    with connect(campaign.mesh, "scheduler") as plan:
        row = plan.execute(_WAITING, [list(users)]).fetchone()
    return row[0] if row else 0
