"""People under every name of a zone, and what they tell user-service in a year."""

import asyncio
from contextlib import suppress
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from occasions import zones
from servicekit.errors import Unavailable
from simulation.users import KINDS, Users, Work
from user_service.domain import StaleVersion, User
from user_service.profile import Draft, check

LONG_AGO = timedelta(days=3000)
#: Leap years, and nobody joins before birth.
_YEARS = {"birthday": 1960, "anniversary": 1992}
_RULES = ("FEB_28", "MAR_1", "LEAP_YEARS_ONLY")
#: Of all that is told, what comes from somebody new.
_NEWCOMERS = 0.05
#: Of all changes, what the same person changes again at once.
_AT_ONCE = 0.3

Changes = dict[str, str | tuple[str, ...]]


def populate(random: Random, count: int, at: datetime) -> list[User]:
    """People spread evenly over all names of zones, known for long."""
    names = sorted(zones.accepted())
    drafts = (_born(random, names[number % len(names)]) for number in range(count))
    return [User.create(_id(random), check(draft, KINDS, at), at - LONG_AGO) for draft in drafts]


class Callers:
    """They ask again until they are answered; who comes too late with a change lets it be."""

    def __init__(self, users: Users, random: Random) -> None:
        self._users = users
        self._random = random

    async def change_somebody(self) -> None:
        if self._random.random() < _NEWCOMERS:
            await self._join()
            return
        user_id = self._random.choice(list(self._users.store.state.users))
        await self._change(user_id)
        while self._random.random() < _AT_ONCE:
            await self._change(user_id)

    async def _change(self, user_id: UUID) -> None:
        user = await self._answered(lambda service: service.get(user_id))
        with suppress(StaleVersion):
            await self._answered(_next(self._random, user, self._users.clock.now()))

    async def _join(self) -> None:
        draft, request_id = _born(self._random, self._random.choice(zones.stored())), str(_id(self._random))
        await self._answered(lambda service: service.create(draft, "somebody", request_id))

    async def _answered(self, work: Work) -> User:
        while True:
            try:
                return await self._users.call(work)
            except Unavailable:
                await asyncio.sleep(self._random.uniform(1, 30))


def _next(random: Random, user: User, at: datetime) -> Work:
    """What somebody may do next: come back, or go, move, correct a date, opt out or in, take another address and name."""
    if user.deleted_at is not None:
        return lambda service: service.restore(user.id, user.version)
    if random.random() < 0.08:
        return lambda service: service.delete(user.id, user.version)
    changes = _changes(random, user, at)
    return lambda service: service.update(user.id, Draft(**changes), changes.keys(), user.version)  # type: ignore[arg-type]


def _changes(random: Random, user: User, at: datetime) -> Changes:
    suppressed = () if user.profile.suppressed_occasions else (random.choice(tuple(_YEARS)),)
    choices: list[tuple[int, Changes]] = [
        (40, _another_date(random, user, at)),
        (30, {"timezone": random.choice(zones.stored())}),
        (12, {"suppressed_occasions": suppressed}),
        (15, {"email": f"{_id(random)}@example.org", "first_name": random.choice(("Ada", "Grace", "Edith"))}),
        (5, {"leap_day_rule": random.choice(_RULES)}),
        (5, {"external_id": f"{_id(random)}"}),  # nobody's greeting is another for that
    ]
    [(_, changes)] = random.choices(choices, [weight for weight, _ in choices])
    return changes


def _another_date(random: Random, user: User, at: datetime) -> Changes:
    """A corrected date, one of these days now and then, or none any more."""
    kind = random.choice(tuple(_YEARS))
    day = at.date() + timedelta(days=random.randint(-2, 2)) if random.random() < 0.33 else _day(random)
    gone = kind in user.profile.dates and random.random() < 0.2
    return {kind: "" if gone else _text(random, kind, day)}


def _born(random: Random, zone: str) -> Draft:
    return Draft(
        first_name="Ada",
        last_name="Lovelace",
        email=f"{_id(random)}@example.org",
        timezone=zone,
        birthday=_text(random, "birthday", _day(random)) if random.random() < 0.9 else "",
        anniversary=_text(random, "anniversary", _day(random)) if random.random() < 0.6 else "",
        leap_day_rule=random.choice(_RULES),
    )


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _day(random: Random) -> date:
    if random.random() < 0.02:
        return date(1992, 2, 29)
    return date(1992, 1, 1) + timedelta(days=random.randrange(366))


def _text(random: Random, kind: str, day: date) -> str:
    """With a year or without."""
    return f"--{day:%m-%d}" if random.random() < 0.3 else f"{_YEARS[kind]}-{day:%m-%d}"
