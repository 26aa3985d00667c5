"""What ought to happen, reckoned apart from the services, and the figures of what did."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from demo.scenario import Edit, Person, Times
from invariants import WITHDRAWN, Facts, Letter, Owed, Planned, violations
from occasions import zones
from occasions.civil import CivilDate, LeapDayRule, observed_on
from occasions.identity import message_id


@dataclass(frozen=True)
class Greeting:
    """One greeting that ought to be, or that was withdrawn in time."""

    message_id: str
    person: Person
    kind: str
    due_at: datetime
    known_at: datetime  # when the last change of the person was acknowledged

    @property
    def is_late(self) -> bool:
        """Its time was past before anybody knew of it."""
        return self.known_at > self.due_at

    @property
    def is_withdrawn(self) -> bool:
        return self.person.edit in (Edit.DELETE, Edit.OPT_OUT)


@dataclass
class Verdict:
    """The figures of a run; `problems` is empty if everything is as it must be."""

    users: int
    due: int = 0
    sent: int = 0
    late: int = 0
    early: int = 0
    lost: int = 0
    doubled: int = 0
    cancelled: int = 0
    ahead: int = 0
    provider_calls: int = 0
    provider_failures: int = 0
    lateness_p50_s: float = 0.0
    lateness_p99_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def greetings_of(person: Person, user_id: str, known_at: datetime, times: Times) -> list[Greeting]:
    """The greetings of a person today, and tomorrow: a leap day may be observed then."""
    rules = zones.zone(person.final_timezone)
    today = known_at.astimezone(rules).date()
    return [
        Greeting(str(message_id(UUID(user_id), kind, day)), person, kind, datetime.combine(day, times.send_times[kind], rules), known_at)
        for kind, text in (("birthday", person.birthday), ("anniversary", person.anniversary))
        for day in (today, today + timedelta(days=1))
        if text and _is_observed(text, person.leap_day_rule, day)
    ]


def owed_by(greetings: Iterable[Greeting]) -> dict[UUID, Owed]:
    """What the checker holds against the plan and the provider."""
    return {
        UUID(greeting.message_id): Owed(None if greeting.is_withdrawn else greeting.due_at, greeting.person.email) for greeting in greetings
    }


def reckon(greetings: Iterable[Greeting], facts: Facts, users: int) -> Verdict:
    """The figures of a run, and what the checker finds wrong with it."""
    verdict = Verdict(users, problems=violations(facts))
    lateness = []
    for greeting in greetings:
        message, letter = facts.plan.get(UUID(greeting.message_id)), facts.letters.get(UUID(greeting.message_id))
        if greeting.is_withdrawn:
            verdict.cancelled += message is not None and message.state in WITHDRAWN
        elif greeting.due_at > facts.read_at:
            verdict.ahead += 1
            verdict.early += letter is not None
        else:
            _count_due(verdict, greeting, message, letter)
            if letter and not greeting.is_late:
                lateness.append(letter.accepted_at - greeting.due_at)
    verdict.lateness_p50_s, verdict.lateness_p99_s = _percentile(lateness, 0.50), _percentile(lateness, 0.99)
    return verdict


def _count_due(verdict: Verdict, greeting: Greeting, message: Planned | None, letter: Letter | None) -> None:
    verdict.due += 1
    verdict.lost += letter is None
    verdict.doubled += letter is not None and letter.greetings > 1
    verdict.early += letter is not None and letter.accepted_at < greeting.due_at
    if letter and message and message.state == "SENT":
        verdict.sent += 1
        verdict.late += greeting.is_late


def _is_observed(text: str, rule: str, day: date) -> bool:
    return observed_on(CivilDate.parse(text), day.year, LeapDayRule(rule)) == day


def _percentile(values: list[timedelta], share: float) -> float:
    """The smallest value that is not below the given share of them; 0 where there are none."""
    if not values:
        return 0.0
    return round(sorted(values)[max(0, math.ceil(share * len(values)) - 1)].total_seconds(), 3)
