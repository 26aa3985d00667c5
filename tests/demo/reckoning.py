"""What ought to happen, reckoned apart from the services, and the verdict on what did."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from demo.scenario import Edit, Person, Times
from occasions import zones
from occasions.civil import CivilDate, LeapDayRule, observed_on
from occasions.identity import message_id

WITHDRAWN_STATES = {"CANCELLED", "SUPPRESSED"}


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


def judge(
    greetings: Iterable[Greeting],
    messages: Mapping[str, Mapping[str, Any]],
    letters: Mapping[str, Mapping[str, Any]],
    *,
    users: int,
    ended_at: datetime,
) -> Verdict:
    """Compares what ought to be with the messages of the API and with what the provider received, both by message id."""
    verdict = Verdict(users)
    lateness = []
    expected = {greeting.message_id: greeting for greeting in greetings}
    for greeting in expected.values():
        message, letter = messages.get(greeting.message_id), letters.get(greeting.message_id)
        if greeting.is_withdrawn:
            _judge_withdrawn(verdict, greeting, message, letter)
        elif greeting.due_at > ended_at:
            _judge_ahead(verdict, greeting, message, letter)
        else:
            _judge_due(verdict, greeting, message, letter)
            if letter and not greeting.is_late:
                lateness.append(_accepted_at(letter) - greeting.due_at)
    for stray in (messages.keys() | {key for key, letter in letters.items() if letter["greetings"]}) - expected.keys():
        verdict.problems.append(f"{stray}: nobody expected this greeting")
    verdict.lateness_p50_s, verdict.lateness_p99_s = _percentile(lateness, 0.50), _percentile(lateness, 0.99)
    return verdict


def _judge_due(verdict: Verdict, greeting: Greeting, message: Mapping[str, Any] | None, letter: Mapping[str, Any] | None) -> None:
    verdict.due += 1
    _judge_plan(verdict, greeting, message)
    if letter is None or not letter["greetings"]:
        verdict.lost += 1
        _object(verdict, greeting, "was never received")
        return
    if letter["greetings"] > 1:
        verdict.doubled += 1
        _object(verdict, greeting, f"was received {letter['greetings']} times")
    if _accepted_at(letter) < greeting.due_at:
        verdict.early += 1
        _object(verdict, greeting, f"came {greeting.due_at - _accepted_at(letter)} early")
    if letter["email"] != greeting.person.email:
        _object(verdict, greeting, f"went to {letter['email']}")
    if message and message["state"] == "SENT":
        verdict.sent += 1
        verdict.late += greeting.is_late
    else:
        _object(verdict, greeting, f"was received, and its message is {message and message['state']}")


def _judge_ahead(verdict: Verdict, greeting: Greeting, message: Mapping[str, Any] | None, letter: Mapping[str, Any] | None) -> None:
    verdict.ahead += 1
    _judge_plan(verdict, greeting, message)
    if letter is not None:
        verdict.early += 1
        _object(verdict, greeting, "was sent before its time")


def _judge_withdrawn(verdict: Verdict, greeting: Greeting, message: Mapping[str, Any] | None, letter: Mapping[str, Any] | None) -> None:
    if message and message["state"] in WITHDRAWN_STATES:
        verdict.cancelled += 1
    else:
        _object(verdict, greeting, f"was withdrawn, and its message is {message and message['state']}")
    if letter is not None:
        _object(verdict, greeting, "was withdrawn and sent all the same")


def _judge_plan(verdict: Verdict, greeting: Greeting, message: Mapping[str, Any] | None) -> None:
    if message is None:
        _object(verdict, greeting, "was never planned")
    elif (planned := datetime.fromisoformat(message["dueTime"])) != greeting.due_at:
        _object(verdict, greeting, f"was planned for {planned}, not {greeting.due_at}")


def _object(verdict: Verdict, greeting: Greeting, what: str) -> None:
    verdict.problems.append(f"{greeting.message_id} ({greeting.kind}, {greeting.person.final_timezone}) {what}")


def _accepted_at(letter: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(letter["accepted_at"][0], zones.zone("Etc/UTC"))


def _is_observed(text: str, rule: str, day: date) -> bool:
    return observed_on(CivilDate.parse(text), day.year, LeapDayRule(rule)) == day


def _percentile(values: list[timedelta], share: float) -> float:
    """The smallest value that is not below the given share of them; 0 where there are none."""
    if not values:
        return 0.0
    return round(sorted(values)[max(0, math.ceil(share * len(values)) - 1)].total_seconds(), 3)
