from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from demo.board import leap_days
from demo.reckoning import Greeting, Verdict, greetings_of, judge
from demo.scenario import Edit, Person, Times, cast, choose_times, local_time

_NOW = datetime(2026, 11, 25, 10, 13, 5, tzinfo=UTC)
_TIMES = Times(_NOW, _NOW, {"birthday": time(11, 15), "anniversary": time(16, 0)})
_USER = "0192e0a0-0000-7000-8000-000000000001"


def _greeting(**changes: Any) -> Greeting:
    person = Person("Europe/Oslo", birthday="1990-11-25", **changes)
    return greetings_of(person, _USER, _NOW, _TIMES)[0]


def _message(greeting: Greeting, **changes: Any) -> dict[str, Any]:
    return {"id": greeting.message_id, "state": "SENT", "dueTime": greeting.due_at.astimezone(UTC).isoformat(), **changes}


def _letter(greeting: Greeting, **changes: Any) -> dict[str, Any]:
    accepted_at = greeting.due_at + timedelta(seconds=2)
    return {"email": greeting.person.email, "greetings": 1, "accepted_at": [accepted_at.timestamp()], **changes}


def _judge(greeting: Greeting, message: dict[str, Any] | None, letter: dict[str, Any] | None, *, ends_after: float = 60) -> Verdict:
    key = greeting.message_id
    ended_at = greeting.due_at + timedelta(seconds=ends_after)
    return judge([greeting], {key: message} if message else {}, {key: letter} if letter else {}, users=1, ended_at=ended_at)


def test_a_greeting_sent_once_and_in_time_is_as_it_must_be() -> None:
    greeting = _greeting()
    verdict = _judge(greeting, _message(greeting), _letter(greeting))
    assert verdict == Verdict(1, due=1, sent=1, lateness_p50_s=2.0, lateness_p99_s=2.0)


@pytest.mark.parametrize(
    ("message", "letter", "figure", "complaint"),
    [
        ({}, {"greetings": 2}, "doubled", "was received 2 times"),
        ({}, {"greetings": 0}, "lost", "was never received"),
        ({}, {"accepted_at": [0.0]}, "early", "early"),
        ({}, {"email": "other@example.com"}, None, "went to other@example.com"),
        ({"state": "QUEUED"}, {}, None, "its message is QUEUED"),
        ({"dueTime": "2026-11-25T10:16:00Z"}, {}, None, "was planned for 2026-11-25 10:16:00+00:00"),
    ],
)
def test_what_is_wrong_is_counted_and_said(message: dict[str, Any], letter: dict[str, Any], figure: str | None, complaint: str) -> None:
    greeting = _greeting()
    verdict = _judge(greeting, _message(greeting, **message), _letter(greeting, **letter))
    assert complaint in verdict.problems[0]
    assert figure is None or getattr(verdict, figure) == 1


def test_a_greeting_ahead_must_be_planned_and_not_sent() -> None:
    greeting = _greeting()
    waiting = _message(greeting, state="SCHEDULED")
    assert _judge(greeting, waiting, None, ends_after=-60) == Verdict(1, ahead=1)
    assert "was sent before its time" in _judge(greeting, waiting, _letter(greeting), ends_after=-60).problems[0]
    assert "was never planned" in _judge(greeting, None, None, ends_after=-60).problems[0]


def test_a_withdrawn_greeting_must_be_cancelled_and_not_sent() -> None:
    greeting = _greeting(edit=Edit.DELETE)
    assert _judge(greeting, _message(greeting, state="CANCELLED"), None) == Verdict(1, cancelled=1)
    assert "sent all the same" in _judge(greeting, _message(greeting, state="CANCELLED"), _letter(greeting)).problems[0]


def test_a_greeting_nobody_expected_is_wrong() -> None:
    verdict = judge([], {}, {"stray": {"greetings": 1}}, users=1, ended_at=_NOW)
    assert verdict.problems == ["stray: nobody expected this greeting"]


def test_a_birthday_of_29_february_is_greeted_by_its_rule() -> None:
    eve = datetime(2027, 2, 28, 8, 0, tzinfo=UTC)
    days = {
        rule: [greeting.due_at.day for greeting in greetings_of(Person("Europe/Oslo", "2000-02-29", "", rule), _USER, eve, _TIMES)]
        for rule in ("FEB_28", "MAR_1", "LEAP_YEARS_ONLY")
    }
    assert days == {"FEB_28": [28], "MAR_1": [1], "LEAP_YEARS_ONLY": []}


@pytest.mark.parametrize("hour", range(0, 24, 3))
@pytest.mark.parametrize("day", [datetime(2026, 11, 25), datetime(2028, 2, 29), datetime(2026, 12, 31), datetime(2027, 3, 28)])  # noqa: DTZ001
def test_there_is_a_cast_for_every_hour_of_a_day(day: datetime, hour: int) -> None:
    now = day.replace(hour=hour, minute=13, second=5, tzinfo=UTC)
    times = choose_times(now, timedelta(seconds=35))
    people = cast(times, now)
    greetings = [greeting for person in people for greeting in greetings_of(person, _USER, now, times)]
    due = [greeting for greeting in greetings if greeting.due_at in (times.birthday_at, times.anniversary_at)]
    assert len(people) == 200
    assert len(due) >= 30
    assert any(greeting.is_late for greeting in greetings)
    assert any(greeting.due_at > times.anniversary_at for greeting in greetings)
    assert all(7 <= local_time(greeting.person.final_timezone, greeting.due_at).hour < 22 for greeting in due)
    assert {person.edit for person in people} == set(Edit)


def test_the_board_tells_when_each_leap_day_rule_greets_next() -> None:
    people = [Person("Europe/Oslo", "2000-02-29", "", rule) for rule in ("FEB_28", "MAR_1", "LEAP_YEARS_ONLY")]
    assert leap_days(people, date(2026, 11, 25)).splitlines() == [
        "Born on 29 February with FEB_28: next greeted on 2027-02-28.",
        "Born on 29 February with LEAP_YEARS_ONLY: next greeted on 2028-02-29.",
        "Born on 29 February with MAR_1: next greeted on 2027-03-01.",
    ]
