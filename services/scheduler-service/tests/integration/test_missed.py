"""What came due while nobody planned, over the fake and over Postgres: it is made up, or leaves a row that expires."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from scheduler_service.domain import ACCOUNTED_FOR, Reason, State
from scheduler_service.testing import DAY, LONG_KNOWN, Desk, person, rules

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
FAR = DAY - timedelta(days=30)  # nothing of March is planned by a change yet
DUE, LATE_UNTIL = DAY + 8 * HOUR, DAY + 23 * HOUR
EXPIRES = LATE_UNTIL + 48 * HOUR
#: Before it came due somebody looked last.
LOOKED = DUE - HOUR


async def test_past_its_budget_it_leaves_a_row_that_is_to_expire(desk: Desk) -> None:
    await desk.take(FAR, person())
    assert await desk.planner(EXPIRES, LOOKED).plan_missed() == 1
    message = await desk.message()
    assert (message.state, message.reason, message.send_at) == (State.SCHEDULED, "", DUE)
    assert message.moments.expires_at == EXPIRES
    assert await desk.planner(EXPIRES + HOUR, LOOKED).plan_missed() == 0


@pytest.mark.parametrize(("ago", "planned"), [(ACCOUNTED_FOR - SECOND, 1), (ACCOUNTED_FOR, 0)])
async def test_but_not_for_ever(desk: Desk, ago: timedelta, planned: int) -> None:
    await desk.take(FAR, person())
    assert await desk.planner(EXPIRES + ago, LOOKED).plan_missed() == planned
    assert len(await desk.messages()) == planned


@pytest.mark.parametrize(("looked_at", "planned"), [(DUE, 1), (DUE + SECOND, 0), (None, 0)])
async def test_nor_if_somebody_looked_since_it_came_due(desk: Desk, looked_at: datetime | None, planned: int) -> None:
    """A kind that is new, or somebody who came back in time for next year, was owed nothing."""
    await desk.take(FAR, person())
    assert await desk.planner(EXPIRES, looked_at).plan_missed() == planned


async def test_within_its_budget_it_is_made_up_whoever_looked(desk: Desk) -> None:
    await desk.take(FAR, person())
    assert await desk.planner(EXPIRES - SECOND, EXPIRES - HOUR).plan_missed() == 1


async def test_plan_leaves_that_to_recover(desk: Desk) -> None:
    await desk.take(FAR, person())
    assert (await desk.planner(EXPIRES).plan())["planned"] == 0
    assert await desk.messages() == []


@pytest.mark.parametrize("known_at", [DUE + 3 * HOUR, LATE_UNTIL], ids=["on the day", "when it was over"])
@pytest.mark.parametrize(
    ("now", "left"), [(EXPIRES - SECOND, [Reason.KNOWN_TOO_LATE]), (EXPIRES, [])], ids=["within its budget", "past its budget"]
)
async def test_what_became_known_too_late_leaves_no_row_past_its_budget(
    desk: Desk, known_at: datetime, now: datetime, left: list[Reason]
) -> None:
    desk.rules = rules(sends_at_once=False)
    await desk.take(FAR, person(known_at=known_at))
    assert await desk.planner(now, LOOKED).plan_missed() == 0
    assert [message.reason for message in await desk.messages()] == left


async def test_nor_does_the_year_nought(desk: Desk) -> None:
    await desk.take(FAR, person(dates={"anniversary": "2026-03-10"}))
    assert await desk.planner(EXPIRES, LOOKED).plan_missed() == 0
    assert await desk.messages() == []


async def test_what_became_known_on_the_day_and_was_to_be_sent_at_once_does(desk: Desk) -> None:
    await desk.take(FAR, person(known_at=DUE + 3 * HOUR))
    assert await desk.planner(EXPIRES, LOOKED).plan_missed() == 1


async def test_a_change_of_somebody_makes_no_such_row(desk: Desk) -> None:
    await desk.take(EXPIRES, person())
    assert await desk.messages() == []


async def test_what_has_its_message_has_no_second(desk: Desk) -> None:
    await desk.take(DAY, person())
    was = await desk.put(await desk.message(), State.FAILED)
    assert await desk.planner(EXPIRES, LOOKED).plan_missed() == 0
    assert await desk.message() == replace(was, updated_at=(await desk.message()).updated_at)


async def test_nor_has_a_year_that_is_held(desk: Desk) -> None:
    await desk.take(DAY, person())
    await desk.put(await desk.message(), State.SENT)
    moved = person(version=2, dates={"birthday": "1990-05-10"}, known_at=LONG_KNOWN)
    await desk.take(DAY + 12 * HOUR, moved)
    assert await desk.planner(datetime(2026, 5, 14, tzinfo=UTC), LOOKED).plan_missed() == 0
    assert [message.local_date for message in await desk.messages()] == [date(2026, 3, 10)]


async def test_what_expired_does_not_hold_the_year(desk: Desk) -> None:
    await desk.take(FAR, person())
    await desk.planner(EXPIRES, LOOKED).plan_missed()
    await desk.world.force(replace(await desk.message(), state=State.EXPIRED, reason=Reason.PAST_BUDGET))
    await desk.take(EXPIRES + HOUR, person(version=2, dates={"birthday": "1990-03-20"}))
    assert (await desk.planner(datetime(2026, 3, 19, tzinfo=UTC)).plan())["planned"] == 1
    assert {message.local_date.day: message.state for message in await desk.messages()} == {10: State.EXPIRED, 20: State.SCHEDULED}


@pytest.mark.parametrize("belated", [0, 48])
async def test_its_month_is_there(desk: Desk, belated: int) -> None:
    """The farthest back that is looked, over the turn of a month; a row in no month's partition would be an alert."""
    desk.rules = rules(belated=belated * HOUR)
    await desk.take(FAR - timedelta(days=30), person(timezone="Pacific/Pago_Pago", dates={"birthday": "1990-02-28"}))
    expires = datetime(2026, 3, 1, 11, tzinfo=UTC) + belated * HOUR
    planner = desk.planner(expires + ACCOUNTED_FOR - SECOND, expires - 7 * 24 * HOUR)
    await planner.keep_partitions()
    assert await planner.plan_missed() == 1
    assert await desk.world.at(expires).plans.rows_in_default_partition() == 0
