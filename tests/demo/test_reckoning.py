from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from demo.board import leap_days
from demo.reckoning import Greeting, Verdict, greetings_of, owed_by, reckon
from demo.scenario import Edit, Person, Times, cast, choose_times, local_time
from invariants import Entry, Facts, Letter, Planned

_NOW = datetime(2026, 11, 25, 10, 13, 5, tzinfo=UTC)
_TIMES = Times(_NOW, _NOW, {"birthday": time(11, 15), "anniversary": time(16, 0)})
_USER = "0192e0a0-0000-7000-8000-000000000001"


def _greeting(**changes: Any) -> Greeting:
    person = Person("Europe/Oslo", birthday="1990-11-25", **changes)
    return greetings_of(person, _USER, _NOW, _TIMES)[0]


def _planned(greeting: Greeting, state: str = "SENT") -> Planned:
    end, reason = greeting.due_at + timedelta(hours=8), "" if state == "SENT" else "user_deleted"
    return Planned(UUID(greeting.message_id), UUID(_USER), "birthday", state, greeting.due_at, end, end, "on_the_day", reason, 0)


def _letter(greeting: Greeting, **changes: Any) -> Letter:
    letter = Letter(UUID(greeting.message_id), 1, 1, greeting.due_at + timedelta(seconds=2), greeting.person.email)
    return replace(letter, **changes)


def _reckon(greeting: Greeting, planned: Planned, letter: Letter | None = None, *, read_after: float = 60) -> Verdict:
    entry = Entry(planned.id, "SENT" if letter else "CANCELLED", "", "on_the_day")
    facts = Facts({planned.id: planned}, {entry.id: entry}, {letter.key: letter} if letter else {})
    facts.read_at, facts.owed = greeting.due_at + timedelta(seconds=read_after), owed_by([greeting])
    return reckon([greeting], facts, users=1)


def test_a_greeting_sent_once_and_in_time_is_as_it_must_be() -> None:
    greeting = _greeting()
    verdict = _reckon(greeting, _planned(greeting), _letter(greeting))
    assert verdict == Verdict(1, due=1, sent=1, lateness_p50_s=2.0, lateness_p99_s=2.0)


@pytest.mark.parametrize(
    ("changes", "figure", "complaint"),
    [
        ({"greetings": 2}, "doubled", "was greeted 2 times"),
        ({"accepted_at": _NOW}, "early", "early"),
        ({"email": "other@example.com"}, "sent", "went to other@example.com"),
    ],
)
def test_what_is_wrong_is_counted_and_said(changes: dict[str, Any], figure: str, complaint: str) -> None:
    greeting = _greeting()
    verdict = _reckon(greeting, _planned(greeting), _letter(greeting, **changes))
    assert complaint in verdict.problems[0]
    assert getattr(verdict, figure) == 1


def test_what_never_came_is_lost() -> None:
    greeting = _greeting()
    verdict = _reckon(greeting, _planned(greeting, "QUEUED"))
    assert (verdict.due, verdict.sent, verdict.lost) == (1, 0, 1)
    assert any("is still QUEUED" in problem for problem in verdict.problems)


def test_a_greeting_ahead_is_neither_due_nor_lost() -> None:
    greeting = _greeting()
    waiting = _planned(greeting, "SCHEDULED")
    assert _reckon(greeting, waiting, read_after=-60) == Verdict(1, ahead=1)
    assert _reckon(greeting, waiting, _letter(greeting), read_after=-60).early == 1


def test_a_withdrawn_greeting_is_counted_as_such() -> None:
    greeting = _greeting(edit=Edit.DELETE)
    assert _reckon(greeting, _planned(greeting, "CANCELLED")) == Verdict(1, cancelled=1)
    assert any("sent all the same" in problem for problem in _reckon(greeting, _planned(greeting), _letter(greeting)).problems)


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
