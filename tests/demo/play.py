"""Plays the scenario on a running mesh, through REST alone, and watches until everybody who is due was greeted."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.reckoning import Greeting, greetings_of
from demo.rest import Rest
from demo.scenario import Edit, Person, Times
from invariants import WITHDRAWN

Message = Mapping[str, Any]
_CALLERS = 8
_PLANNED_WITHIN_SECONDS = 15
# Longer than a provider's failure is retried: a first attempt that failed comes again after 30 s, a second one after another 60.
_PATIENCE = timedelta(seconds=150)


class TooSlow(RuntimeError):
    """This machine took so long to make the users that the edits came after the greetings' time: run it again."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True)
class Snapshot:
    """What the API says at one moment."""

    taken_at: datetime
    messages: dict[str, Message]  # by id
    sending: set[str]  # ids of messages that are with the provider


def create(rest: Rest, people: Iterable[Person], times: Times) -> list[Greeting]:
    """Creates the people, edits those to be edited, and returns the greetings that ought to follow."""

    def enter(person: Person) -> list[Greeting]:
        user = rest.call("POST", "/api/v1/users", person.as_user())
        if person.edit is not Edit.NONE:
            _wait_for_plan(rest, user["id"])
            _edit(rest, person, user["id"])
        return greetings_of(person, user["id"], datetime.now(UTC), times)

    with ThreadPoolExecutor(_CALLERS) as pool:
        greetings = [greeting for entered in pool.map(enter, people) for greeting in entered]
    if any(greeting.is_late for greeting in greetings if greeting.person.edit is not Edit.NONE):
        raise TooSlow
    return greetings


def watch(rest: Rest, greetings: list[Greeting], times: Times, show: Callable[[Snapshot], None]) -> Snapshot:
    """Shows a snapshot each second until all that is due was sent, or patience is at its end; returns the last one."""
    dates = sorted({f"{greeting.due_at:%Y-%m-%d}" for greeting in greetings})
    while True:
        snapshot = _snapshot(rest, dates)
        show(snapshot)
        if _is_settled(snapshot, greetings, times) or snapshot.taken_at > times.anniversary_at + _PATIENCE:
            return snapshot
        time.sleep(1)


def _wait_for_plan(rest: Rest, user_id: str) -> None:
    """So that there is something to withdraw or to move: a change that overtakes the plan leaves nothing to see."""
    deadline = time.monotonic() + _PLANNED_WITHIN_SECONDS
    while time.monotonic() < deadline and not list(rest.pages("/api/v1/messages", "messages", userId=user_id)):
        time.sleep(0.1)


def _edit(rest: Rest, person: Person, user_id: str) -> None:
    path = f"/api/v1/users/{user_id}"
    match person.edit:
        case Edit.MOVE:
            rest.call("PATCH", path, {"timezone": person.moves_to})
        case Edit.DELETE:
            rest.call("DELETE", path)
        case Edit.OPT_OUT:
            rest.call("PATCH", path, {"suppressedOccasions": ["anniversary"]})


def _snapshot(rest: Rest, dates: list[str]) -> Snapshot:
    taken_at = datetime.now(UTC)
    messages: dict[str, Message] = {
        message["id"]: message for date in dates for message in rest.pages("/api/v1/messages", "messages", localDate=date)
    }
    sending = {delivery["id"] for delivery in rest.pages("/api/v1/deliveries", "deliveries", state="CLAIMED")}
    return Snapshot(taken_at, messages, sending)


def _is_settled(snapshot: Snapshot, greetings: list[Greeting], times: Times) -> bool:
    if snapshot.taken_at < times.anniversary_at:
        return False
    return all(_is_at_its_end(snapshot, greeting) for greeting in greetings)


def _is_at_its_end(snapshot: Snapshot, greeting: Greeting) -> bool:
    state = snapshot.messages.get(greeting.message_id, {}).get("state")
    if greeting.is_withdrawn:
        return state in WITHDRAWN
    return state == ("SENT" if greeting.due_at <= snapshot.taken_at else "SCHEDULED")
