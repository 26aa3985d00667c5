"""People of every zone, and what they change in a year."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from heyday.user.v1 import user_pb2
from heyday.user.v1.user_changed_pb2 import UserChanged
from occasions import zones
from scheduler_service.consumer.intake import USER_CHANGED
from scheduler_service.domain import Recipient
from servicekit.kafka import Record

LONG_AGO = timedelta(days=3000)
_RULES = ("FEB_28", "MAR_1", "LEAP_YEARS_ONLY")


@dataclass
class Person:
    """Somebody with a history: each snapshot, from when on it was true."""

    user_id: UUID
    history: list[tuple[datetime, Recipient]] = field(default_factory=list)

    @property
    def now(self) -> Recipient:
        return self.history[-1][1]

    def become(self, at: datetime, recipient: Recipient) -> Record:
        """Return the event that tells it."""
        self.history.append((at, recipient))
        return Record(USER_CHANGED, self.user_id.bytes, _event(recipient, at).SerializeToString())


def populate(random: Random, count: int, at: datetime) -> list[Person]:
    """People spread evenly over all zones."""
    names = zones.stored()
    return [_born(random, names[number % len(names)], at - LONG_AGO) for number in range(count)]


def first_events(people: list[Person]) -> Iterator[Record]:
    for person in people:
        (at, recipient), *_ = person.history
        yield Record(USER_CHANGED, person.user_id.bytes, _event(recipient, at).SerializeToString())


def changed(random: Random, person: Person, at: datetime) -> Recipient:
    """What somebody may do next: come back, or move, correct a date, opt out or in, go, take another address and name."""
    was = person.now
    if was.deleted:
        return _next(was, deleted=False)
    if random.random() < 0.35:
        return _with_another_date(random, was, at)
    kinds = ("birthday", "anniversary")
    choices: list[tuple[int, dict[str, object]]] = [
        (30, {"timezone": random.choice(zones.stored())}),
        (12, {"suppressed": frozenset() if was.suppressed else frozenset({random.choice(kinds)})}),
        (8, {"deleted": True}),
        (15, {"email": f"new{was.version}@example.org", "first_name": random.choice(("Ada", "Grace", "Edith"))}),
        (5, {}),
    ]
    [(_, changes)] = random.choices(choices, [weight for weight, _ in choices])
    return _next(was, **changes)


def _with_another_date(random: Random, was: Recipient, at: datetime) -> Recipient:
    """A corrected date, one of these days now and then, or none any more."""
    kind = random.choice(("birthday", "anniversary"))
    day = at.date() + timedelta(days=random.randint(-2, 2)) if random.random() < 0.33 else _day(random)
    gone = kind in was.dates and random.random() < 0.2
    dates = {name: text for name, text in was.dates.items() if name != kind} | ({} if gone else {kind: _text(random, day)})
    known = {name: was.known_at[name] if was.dates.get(name) == text else at for name, text in dates.items()}
    return _next(was, dates=dates, known_at=known)


def _born(random: Random, zone: str, at: datetime) -> Person:
    user_id = UUID(int=random.getrandbits(128), version=4)
    dates = {"birthday": _text(random, _day(random))} if random.random() < 0.9 else {}
    if random.random() < 0.6:
        dates["anniversary"] = _text(random, _day(random))
    rule = random.choice(_RULES)
    recipient = Recipient(
        user_id, 1, 1, f"{user_id}@example.org", "Ada", "Lovelace", "en", zone, dates, dict.fromkeys(dates, at), leap_day_rule=rule
    )
    return Person(user_id, [(at, recipient)])


def _day(random: Random) -> date:
    if random.random() < 0.02:
        return date(1992, 2, 29)
    return date(1992, 1, 1) + timedelta(days=random.randrange(366))


def _text(random: Random, day: date) -> str:
    """With a year or without; 1992 has every day."""
    return f"--{day:%m-%d}" if random.random() < 0.3 else f"1992-{day:%m-%d}"


def _next(was: Recipient, **changes: object) -> Recipient:
    return replace(was, version=was.version + 1, **changes)  # type: ignore[arg-type]


def _event(recipient: Recipient, at: datetime) -> UserChanged:
    user = user_pb2.User(
        id=str(recipient.user_id),
        version=recipient.version,
        email=recipient.email,
        first_name=recipient.first_name,
        last_name=recipient.last_name,
        locale=recipient.locale,
        timezone=recipient.timezone,
        birthday=recipient.dates.get("birthday", ""),
        anniversary=recipient.dates.get("anniversary", ""),
        leap_day_rule=recipient.leap_day_rule,
        suppressed_occasions=sorted(recipient.suppressed),
        delete_time=_timestamp(at) if recipient.deleted else None,
    )
    known = {name: _timestamp(when) for name, when in recipient.known_at.items()}
    return UserChanged(
        user=user,
        epoch=recipient.epoch,
        change_time=_timestamp(at),
        birthday_known_time=known.get("birthday"),
        anniversary_known_time=known.get("anniversary"),
    )


def _timestamp(at: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
