"""Twenty-five hours without the scheduler, or without anything: afterwards everybody has what the clock of their place owes them."""

import json
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from itertools import product
from pathlib import Path
from random import Random
from typing import TypeVar
from urllib.error import HTTPError
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from backing import server
from backing.mesh import Mesh
from invariants import Facts, connect, read, violations
from occasions.identity import message_id
from resilience.campaign import SETTINGS, Campaign, wait_until

T = TypeVar("T")

DOWNTIME = timedelta(hours=25)
#: Longer than a scenario takes: nobody is asked about whose instant falls into it.
UNDECIDED = timedelta(minutes=15)
#: So little that there are always some for whom it is over: nine o'clock comes to the next of these zones within three and a half hours.
BELATED = timedelta(hours=4)
MADE_UP = ("on_the_day", "belated")
ZONES = (
    "Pacific/Kiritimati",
    "Pacific/Chatham",
    "Australia/Adelaide",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Africa/Nairobi",
    "Europe/Oslo",
    "Etc/UTC",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/New_York",
    "America/Los_Angeles",
    "Pacific/Marquesas",
    "Pacific/Pago_Pago",
)
_RECIPIENT = """
INSERT INTO recipients (user_id, epoch, version, email, first_name, last_name, locale, timezone, leap_day_rule, suppressed, deleted, erased)
VALUES (%s, 1, 1, %s, 'Ada', 'Lovelace', 'en', %s, 'FEB_28', '{}', false, false)
"""
_OCCASION = """
INSERT INTO occasions (user_id, kind, zone, month, day, year, leap_day_rule, known_at, active)
VALUES (%s, 'birthday', %s, %s, %s, 1990, 'FEB_28', '2020-01-01Z', true)
"""


@dataclass(frozen=True)
class Person:
    """Somebody with a birthday. `is_planned`: before the downtime; the others' plan was missed too."""

    id: UUID
    zone: str
    day: date
    is_planned: bool

    @property
    def message(self) -> UUID:
        return message_id(self.id, "birthday", self.day)

    @property
    def due_at(self) -> datetime:
        return datetime.combine(self.day, time(9), ZoneInfo(self.zone)).astimezone(UTC)

    @property
    def late_until_at(self) -> datetime:
        return datetime.combine(self.day + timedelta(days=1), time(), ZoneInfo(self.zone)).astimezone(UTC)

    def is_undecided(self, began: datetime) -> bool:
        instants = (self.due_at, self.late_until_at, self.late_until_at + BELATED)
        return any(moment <= instant <= moment + UNDECIDED for moment in (began - DOWNTIME, began) for instant in instants)

    def owed(self, began: datetime) -> str:
        """What becomes of the greeting that came due while all was down."""
        if began < self.late_until_at:
            return "on_the_day"
        if began < self.late_until_at + BELATED:
            return "belated"
        return "expired"


def only_the_scheduler(mesh: Mesh) -> None:
    others = [replica for name in ("user-service", "dispatcher-service", "notifier-service") for replica in mesh.replicas[name]]
    server.stop(*mesh.replicas["scheduler-service"])
    mesh.configure("*", CLOCK_OFFSET_SECONDS="0")
    server.stop(*others)
    server.start(*others)
    server.start(*mesh.replicas["scheduler-service"])


def everything(mesh: Mesh) -> None:
    mesh.stop()
    mesh.configure("*", CLOCK_OFFSET_SECONDS="0")
    mesh.start()


@contextmanager
def yesterday(directory: Path) -> Iterator[Mesh]:
    """A mesh for which it is 25 hours ago."""
    directory.chmod(0o755)
    settings = {
        **SETTINGS,
        "*": {**SETTINGS["*"], "CLOCK_OFFSET_SECONDS": str(-DOWNTIME.total_seconds())},
        "scheduler-service": {**SETTINGS["scheduler-service"], "BELATED_HOURS": json.dumps({"birthday": BELATED / timedelta(hours=1)})},
    }
    with Mesh(directory, settings=settings, durable=False) as mesh:
        yield mesh


def people_of(began: datetime, random: Random) -> list[Person]:
    days = [began.date() + timedelta(days=days) for days in range(-4, 2)]
    people = [
        Person(UUID(int=random.getrandbits(128), version=4), zone, day, is_planned)
        for zone, day, is_planned in product(ZONES, days, (True, False))
    ]
    # What *plan* has a say in: who is added before the downtime can be made up for then, who is added at its beginning has yet to come due.
    concerned = (p for p in people if p.due_at > began - DOWNTIME or (p.is_planned and p.late_until_at + BELATED > began - DOWNTIME))
    return [person for person in concerned if not person.is_undecided(began)]


def add(mesh: Mesh, people: list[Person]) -> None:
    with connect(mesh, "scheduler") as plan, plan.transaction():
        for person in people:
            plan.execute(_RECIPIENT, [person.id, f"{person.id}@example.org", person.zone])
            plan.execute(_OCCASION, [person.id, person.zone, person.day.month, person.day.day])


@dataclass
class Aftermath:
    """How it stands when all is made up. `owed`: what became of what came due meanwhile, as it should be; `made_up`: all sent since."""

    owed: dict[UUID, str]
    made_up: set[UUID]
    facts: Facts
    texts: dict[UUID, str]


def live_through(mesh: Mesh, people: list[Person], began: datetime, away: Callable[[Mesh], None]) -> Aftermath:
    campaign = Campaign(mesh, "downtime")
    add(mesh, [person for person in people if person.is_planned])
    wait_until(lambda: plans(campaign), 60, "a run of plan of our own")
    before = {p.message for p in people if p.is_planned and p.due_at <= began - DOWNTIME < p.late_until_at + BELATED}
    wait_until(lambda: before <= letters(campaign).keys(), 120, "what was due before the downtime")
    add(mesh, [person for person in people if not person.is_planned])
    assert letters(campaign).keys() == before
    away_at = datetime.now(UTC)
    away(mesh)
    owed = {p.message: p.owed(began) for p in people if began - DOWNTIME < p.due_at <= began}
    made_up = {key for key, what in owed.items() if what in MADE_UP}
    wait_until(lambda: made_up <= letters(campaign).keys(), 150, "what was missed")
    print(campaign.settle([], datetime.now(UTC), within=120))
    assert datetime.now(UTC) < began + UNDECIDED, "this machine is too slow for what was expected"
    facts = read(mesh, campaign.get(f"{mesh.provider_url}/received"))
    return Aftermath(owed, {key for key, letter in facts.letters.items() if letter.accepted_at >= away_at}, facts, letters(campaign))


def plans(campaign: Campaign) -> bool:
    """Run *plan*; False if it was running, and may have begun before everybody was there."""
    try:
        campaign.post(f"{campaign.mesh.url}/api/v1/jobs/plan:run")
    except HTTPError as refused:
        if refused.code != HTTPStatus.CONFLICT:
            raise
        return False
    return True


def letters(campaign: Campaign) -> dict[UUID, str]:
    received = json.loads(campaign.get(f"{campaign.mesh.provider_url}/received"))["received"]
    return {UUID(letter["key"]): letter["message"] for letter in received if letter["greetings"]}


def check(key: UUID, what: str, aftermath: Aftermath) -> None:
    planned = aftermath.facts.plan[key]
    if what == "expired":
        assert (planned.state, planned.reason) == ("EXPIRED", "past_budget")
        return
    assert (planned.state, planned.variant) == ("SENT", what)
    assert ("belated" in aftermath.texts[key]) == (what == "belated")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("away", [only_the_scheduler, everything], ids=["only-the-scheduler", "everything"])
def test_what_was_missed_is_made_up_or_ends_with_a_reason(tmp_path: Path, seed: int, away: Callable[[Mesh], None]) -> None:
    print(f"seed {seed}")
    began = datetime.now(UTC)
    people = people_of(began, Random(f"{seed} {away.__name__}"))
    with yesterday(tmp_path) as mesh:
        aftermath = live_through(mesh, people, began, away)
    facts, owed = aftermath.facts, aftermath.owed
    print(Counter(owed.values()))
    assert set(owed.values()) == {*MADE_UP, "expired"}
    assert aftermath.made_up == {key for key, what in owed.items() if what in MADE_UP}
    expired = {key for key, planned in facts.plan.items() if planned.state == "EXPIRED"}
    assert expired == {key for key, what in owed.items() if what == "expired"}
    for key, what in owed.items():
        check(key, what, aftermath)
    # What was sent before the downtime was sent by another clock than the provider's.
    theirs = replace(facts, plan=_of(owed, facts.plan), ledger=_of(owed, facts.ledger), letters=_of(owed, facts.letters))
    assert violations(theirs) == []


def _of(keys: Container[UUID], found: Mapping[UUID, T]) -> dict[UUID, T]:
    return {key: value for key, value in found.items() if key in keys}
