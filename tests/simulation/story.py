"""What happened to each message, in order."""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from notifier_service.domain import Entry
from scheduler_service.domain import Message, State

_MOST_OF_ALL = 50_000
_SHOWN = ("state", "revision", "send_at", "variant", "attempts", "unsure", "asked_revision", "reason", "moments", "fence", "tomb")
_AROUND = timedelta(minutes=2)


class Event(NamedTuple):
    at: datetime
    text: str


class Story:
    """Told by everybody; read when something is wrong."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._of: defaultdict[UUID, list[Event]] = defaultdict(list)
        self._of_all: deque[Event] = deque(maxlen=_MOST_OF_ALL)
        #: Each message as the plan held it, with the instants of its changes.
        self.plans: defaultdict[UUID, list[tuple[datetime, Message]]] = defaultdict(list)

    def tell(self, message_id: UUID, text: str) -> None:
        self._of[message_id].append(Event(self._now(), text))

    def tell_all(self, text: str) -> None:
        self._of_all.append(Event(self._now(), text))

    def planned(self, before: Message | None, message: Message) -> None:
        self.plans[message.id].append((self._now(), message))
        self.tell(message.id, f"plan: {_difference(before, message)}")

    def entered(self, before: Entry | None, entry: Entry) -> None:
        self.tell(UUID(bytes=entry.id), f"ledger: {_difference(before, entry)}")

    def queued(self, message_id: UUID, before: datetime) -> Message | None:
        """The message as it was when it was queued last before an instant."""
        queued = [message for at, message in self.plans[message_id] if at <= before and message.state is State.QUEUED]
        return queued[-1] if queued else None

    def of(self, message_id: UUID) -> Iterator[str]:
        """A message's history, with what befell everybody meanwhile."""
        own = self._of[message_id]
        if own:
            first, last = own[0].at - _AROUND, own[-1].at + _AROUND
            near = [event for event in self._of_all if first <= event.at <= last and any(abs(event.at - e.at) < _AROUND for e in own)]
            for event in sorted(own + near, key=lambda event: event.at):
                yield f"{event.at:%Y-%m-%d %H:%M:%S.%f} {event.text}"


class ToldLedger(dict[bytes, Entry]):
    """The ledger's rows; each change of one is told."""

    def __init__(self, story: Story) -> None:
        super().__init__()
        self._story = story

    def __setitem__(self, key: bytes, entry: Entry) -> None:
        self._story.entered(self.get(key), entry)
        super().__setitem__(key, entry)


def _difference(before: Any, now: Any) -> str:
    names = [name for name in _SHOWN if hasattr(now, name)]
    changed = [name for name in names if before is None or getattr(before, name) != getattr(now, name)]
    return " ".join(f"{name}={_short(getattr(now, name))}" for name in changed)


def _short(value: Hashable) -> str:
    if isinstance(value, datetime):
        return f"{value:%m-%dT%H:%M:%S}"
    if hasattr(value, "due_at"):
        return ",".join(_short(getattr(value, field.name)) for field in fields(value)[:4])  # type: ignore[arg-type]
    return str(value)
