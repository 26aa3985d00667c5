"""*plan*, over the fake and over Postgres."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from occasions.civil import CivilDate
from occasions.identity import message_id
from occasions.occasion import Occasion
from scheduler_service.domain import Basis, KindRules, Message, PlanRules, Reason, Recipient, State
from scheduler_service.testing import ADA, DAY, LONG_KNOWN, Desk, person, rules
from servicekit.postgres import create_engine
from servicekit.settings import PostgresSettings
from servicekit.testing.locks import wait_until_it_waits

HOUR = timedelta(hours=1)
FAR = DAY - timedelta(days=30)  # nothing of March is planned by a change yet
EVE = DAY - 20 * HOUR
DUE = DAY + 8 * HOUR
PLANNERS = 50


def people(count: int, **changes: Any) -> list[Recipient]:
    return [person(UUID(int=(1 << 80) + number), **changes) for number in range(count)]


async def everybody(desk: Desk, users: list[Recipient]) -> list[Message]:
    return [message for user in users for message in await desk.messages(user.user_id)]


async def test_everybody_whose_nine_falls_in_the_horizon_is_planned(desk: Desk) -> None:
    today, later = people(7), [person(version=1, dates={"birthday": "1990-06-01"})]
    await desk.take(FAR, *today, *later)
    counts = await desk.planner(EVE).plan()
    messages = await everybody(desk, [*today, *later])
    assert counts["planned"] == 7
    assert {message.state for message in messages} == {State.SCHEDULED}
    assert [message.id for message in messages] == [message_id(user.user_id, "birthday", date(2026, 3, 10)) for user in today]
    assert {message.send_at for message in messages} == {DUE}


async def test_planning_twice_makes_one_message(desk: Desk) -> None:
    await desk.take(FAR, *people(5))
    assert [(await desk.planner(EVE).plan())["planned"] for _ in range(2)] == [5, 0]


async def test_planning_again_plans_those_among_the_planned_who_have_no_message_yet(desk: Desk) -> None:
    early, late = people(9)[::2], people(9)[1::2]
    await desk.take(FAR, *early)
    await desk.planner(EVE).plan()
    await desk.take(FAR, *late)
    assert (await desk.planner(EVE).plan())["planned"] == len(late)
    assert len(await everybody(desk, early + late)) == 9


async def test_it_plans_the_same_as_a_change_does(desk: Desk) -> None:
    await desk.take(FAR, person(), person(UUID(int=9), timezone="Pacific/Kiritimati"))
    await desk.planner(EVE).plan()
    by_plan = [await desk.messages(), await desk.messages(UUID(int=9))]
    await desk.take(EVE, person(UUID(int=1)), person(UUID(int=2), timezone="Pacific/Kiritimati"))
    by_change = [await desk.messages(UUID(int=1)), await desk.messages(UUID(int=2))]
    for (planned,), (changed,) in zip(by_plan, by_change, strict=True):
        assert planned.moments == changed.moments
        assert (planned.state, planned.send_at, planned.revision) == (changed.state, changed.send_at, changed.revision)


async def test_the_day_is_the_local_one_also_where_utc_is_still_on_the_day_before(desk: Desk) -> None:
    await desk.take(FAR, person(timezone="Pacific/Kiritimati"))
    await desk.planner(DAY - 30 * HOUR).plan()
    message = await desk.message()
    assert (message.local_date, message.send_at) == (date(2026, 3, 10), datetime(2026, 3, 9, 19, tzinfo=UTC))


@pytest.mark.parametrize(("rule", "day"), [("FEB_28", date(2026, 2, 28)), ("MAR_1", date(2026, 3, 1)), ("LEAP_YEARS_ONLY", None)])
async def test_leap_days_by_each_rule(desk: Desk, rule: str, day: date | None) -> None:
    await desk.take(FAR - timedelta(days=30), person(dates={"birthday": "1992-02-29"}, leap_day_rule=rule))
    await desk.planner(datetime(2026, 2, 27, 20, tzinfo=UTC)).plan()
    assert [message.local_date for message in await desk.messages()] == ([day] if day else [])


async def test_year_nought_is_no_anniversary_and_both_kinds_on_one_day_are_two(desk: Desk) -> None:
    await desk.take(FAR, person(dates={"birthday": "1990-03-10", "anniversary": "2026-03-10"}))
    await desk.take(FAR, person(UUID(int=5), dates={"birthday": "--03-10", "anniversary": "2020-03-10"}))
    await desk.planner(EVE).plan()
    assert {message.kind: message.reason for message in await desk.messages()} == {"anniversary": Reason.YEAR_ZERO, "birthday": ""}
    assert {message.kind for message in await desk.messages(UUID(int=5))} == {"anniversary", "birthday"}


class TestMadeUp:
    async def test_an_outage_of_25_hours_is_made_up_late_or_belated(self, desk: Desk) -> None:
        await desk.take(FAR, person(), person(UUID(int=8), timezone="Pacific/Honolulu"))
        now = DAY + 27 * HOUR
        assert (await desk.planner(now).plan())["planned"] == 2
        belated, late = await desk.message(), (await desk.messages(UUID(int=8)))[0]
        assert belated.moments.late_until_at < now < belated.moments.expires_at
        assert late.moments.due_at < now < late.moments.late_until_at

    async def test_recover_plans_only_what_is_past(self, desk: Desk) -> None:
        await desk.take(FAR, person(), person(UUID(int=8), dates={"birthday": "1990-03-11"}))
        assert await desk.planner(DAY + 12 * HOUR).plan_missed() == 1
        assert await desk.messages(UUID(int=8)) == []

    async def test_past_the_budget_it_is_over(self, desk: Desk) -> None:
        await desk.take(FAR, person())
        assert (await desk.planner(DAY + timedelta(days=4)).plan())["planned"] == 0

    async def test_what_became_known_when_the_day_was_over_is_not_belated(self, desk: Desk) -> None:
        known_at = DAY + 24 * HOUR
        await desk.take(FAR, person(known_at=known_at))
        await desk.planner(known_at + HOUR).plan()
        message = await desk.message()
        assert (message.state, message.reason) == (State.SUPPRESSED, Reason.KNOWN_TOO_LATE)

    @pytest.mark.parametrize(("at_once", "state"), [(True, State.SCHEDULED), (False, State.SUPPRESSED)])
    async def test_what_became_known_on_the_day_goes_by_the_setting(self, desk: Desk, at_once: bool, state: State) -> None:
        await desk.take(FAR, person(known_at=DAY + 10 * HOUR))
        desk.rules = rules(sends_at_once=at_once)
        await desk.planner(DAY + 11 * HOUR).plan()
        message = await desk.message()
        assert (message.state, message.reason) == (state, "" if at_once else Reason.KNOWN_TOO_LATE)


class TestPassedOver:
    @pytest.mark.parametrize("change", [{"deleted": True}, {"suppressed": frozenset({"birthday"})}], ids=["deleted", "opted out"])
    async def test_who_is_not_to_be_greeted(self, desk: Desk, change: dict[str, Any]) -> None:
        await desk.take(FAR, person(**change))
        assert (await desk.planner(EVE).plan())["planned"] == 0

    async def test_a_slot_that_holds_the_year(self, desk: Desk) -> None:
        await desk.take(DAY, person())
        await desk.put(await desk.message(), State.SENT)
        await desk.take(DAY + 12 * HOUR, person(version=2, dates={"birthday": "1990-05-10"}))
        assert (await desk.planner(datetime(2026, 5, 9, 12, tzinfo=UTC)).plan())["planned"] == 0

    async def test_and_one_that_was_greeted_less_than_sixty_days_ago(self, desk: Desk) -> None:
        december = datetime(2026, 12, 30, 12, tzinfo=UTC)
        await desk.take(december, person(dates={"birthday": "1990-12-31"}))
        await desk.put(await desk.message(), State.SENT)
        await desk.take(december + timedelta(days=1), person(version=2, dates={"birthday": "1990-02-10"}))
        assert (await desk.planner(datetime(2027, 2, 9, 12, tzinfo=UTC)).plan())["planned"] == 0
        assert (await desk.planner(datetime(2028, 2, 9, 12, tzinfo=UTC)).plan())["planned"] == 1

    async def test_the_year_after_is_planned_again(self, desk: Desk) -> None:
        await desk.take(DAY, person())
        await desk.put(await desk.message(), State.SENT)
        assert (await desk.planner(datetime(2027, 3, 9, 12, tzinfo=UTC)).plan())["planned"] == 1


class TestNewRules:
    async def test_another_send_time_moves_what_waits(self, desk: Desk) -> None:
        await desk.take(EVE, *people(4), person(timezone="Asia/Tokyo"))
        await desk.planner(EVE).plan()
        desk.rules = rules(epoch=1, send_time=time(10))
        counts = await desk.planner(EVE).plan()
        moved = await desk.message()
        assert (counts["moved"], counts["planned"]) == (5, 0)
        assert (moved.send_at, moved.revision, moved.state) == (DAY + HOUR, 2, State.SCHEDULED)

    async def test_what_is_queued_is_left_alone(self, desk: Desk) -> None:
        await desk.take(EVE, person())
        await desk.put(await desk.message(), State.QUEUED)
        desk.rules = rules(epoch=1, send_time=time(10))
        assert (await desk.planner(EVE).plan())["moved"] == 0
        assert (await desk.message()).revision == 1

    async def test_who_moves_by_how_much_can_be_asked_before(self, desk: Desk) -> None:
        from scheduler_service.domain import day_instants

        await desk.take(EVE, *people(3), person(timezone="Asia/Tokyo"))
        later = rules(send_time=time(9, 20)).kinds["birthday"]
        instants = day_instants(later, EVE, 3 * timedelta(days=1))
        shifts = await desk.world.at(EVE).plans.shifts("birthday", instants)
        assert [(shift.zone, shift.messages, shift.largest) for shift in shifts] == [
            ("Europe/Berlin", 3, timedelta(minutes=20)),
            ("Asia/Tokyo", 1, timedelta(minutes=20)),
        ]

    async def test_a_replica_with_older_rules_stands_back(self, desk: Desk) -> None:
        await desk.take(FAR, person())
        old, desk.rules = desk.rules, rules(epoch=1)
        await desk.planner(FAR).plan()
        desk.rules = old
        counts = await desk.planner(EVE).plan()
        assert (counts["stood_back"], await desk.messages()) == (1, [])
        assert await desk.planner(EVE).plan_missed() == 0

    async def test_of_two_that_differ_in_settings_alone_the_one_that_began_last_prevails(self, desk: Desk) -> None:
        first = desk.planner(FAR)
        await first.plan()
        desk.rules = rules(send_time=time(10))
        second = desk.planner(FAR)
        assert "stood_back" not in await second.plan()
        assert (await first.plan())["stood_back"] == 1

    async def test_a_newer_tzdata_prevails_over_an_older(self) -> None:
        old, new = (Basis.of(replace(rules(), tzdata_version=version)) for version in ("2025b", "2026a"))
        assert new.newer_than(old)
        assert not old.newer_than(new)

    async def test_a_new_kind_is_filled_from_the_recipients(self, desk: Desk) -> None:
        desk.rules = _without("anniversary")
        both = {"birthday": "1990-03-10", "anniversary": "2015-03-10"}
        await desk.take(FAR, *people(9, dates=both), person(dates=both, deleted=True))
        await desk.planner(FAR).plan()
        desk.rules = rules()
        assert (await desk.planner(EVE).plan())["planned"] == 18
        assert await desk.messages() == []

    async def test_a_removed_kind_is_cancelled_and_comes_back(self, desk: Desk) -> None:
        await desk.take(EVE, person(dates={"anniversary": "2015-03-10"}))
        await desk.planner(EVE).plan()
        desk.rules = replace(_without("anniversary"), epoch=1)
        await desk.planner(EVE).plan()
        cancelled = await desk.message()
        assert (cancelled.state, cancelled.reason, cancelled.revision) == (State.CANCELLED, Reason.KIND_REMOVED, 2)
        assert not (await desk.world.slot(ADA, "anniversary")).active
        desk.rules = replace(rules(), epoch=2)
        await desk.planner(EVE).plan()
        assert (await desk.world.slot(ADA, "anniversary")).active

    async def test_what_of_a_removed_kind_is_on_its_way_is_asked_about(self, desk: Desk) -> None:
        await desk.take(EVE, person(dates={"anniversary": "2015-03-10"}))
        await desk.planner(EVE).plan()
        queued = await desk.put(await desk.message(), State.QUEUED)
        desk.rules = replace(_without("anniversary"), epoch=1)
        await desk.planner(EVE).plan()
        assert await desk.world.questions() == [(queued.id, 1)]
        assert (await desk.message()).asked_revision == 1


async def test_fifty_planners_at_once_make_one_plan(url: str) -> None:
    from scheduler_service.testing import PostgresWorld

    engine = create_engine(PostgresSettings(database_url=SecretStr(url), database_pool_size=PLANNERS), "test")
    desk = Desk(PostgresWorld(engine))
    users = people(40)
    await desk.take(FAR, *users)
    counts = await asyncio.gather(*(desk.planner(EVE).plan() for _ in range(PLANNERS)))
    assert sum(count["planned"] for count in counts) == 40
    assert len(await everybody(desk, users)) == 40
    await engine.dispose()


async def test_an_edit_beside_a_planner_leaves_one_plan(engine: Any) -> None:
    from scheduler_service.testing import PostgresWorld

    desk = Desk(PostgresWorld(engine))
    users = people(60)
    await desk.take(FAR, *users)
    edited = [replace(user, version=2, dates={"birthday": "1990-03-11"}, known_at={"birthday": LONG_KNOWN}) for user in users]
    await asyncio.gather(desk.planner(DAY).plan(), *(desk.take(DAY, user, offset=n) for n, user in enumerate(edited, 1)))
    await desk.planner(DAY).plan()
    for user in users:
        open_dates = [message.local_date for message in await desk.messages(user.user_id) if message.state is State.SCHEDULED]
        assert open_dates == [date(2026, 3, 11)]


async def test_a_planner_waits_for_an_edit_that_has_not_committed_and_heeds_it(engine: Any) -> None:
    from scheduler_service.testing import PostgresWorld

    desk = Desk(PostgresWorld(engine))
    await desk.take(FAR, person())
    async with engine.begin() as edit:
        await edit.execute(text("UPDATE occasions SET day = 11 WHERE user_id = :user_id AND kind = 'birthday'"), {"user_id": ADA})
        planning = asyncio.create_task(desk.planner(EVE).plan())
        await wait_until_it_waits(engine, planning)
    await planning
    assert await desk.messages(ADA) == []


def _without(kind: str) -> PlanRules:
    every = rules()
    return replace(every, kinds={name: kind_rules for name, kind_rules in every.kinds.items() if name != kind})


class HalfBirthday(Occasion):
    """A third kind, in one class: half a year after the birthday, at noon."""

    name = "half_birthday"
    send_time = time(12)

    def source(self, dates: Mapping[str, CivilDate]) -> CivilDate | None:
        birthday = dates.get("birthday")
        return birthday and CivilDate(birthday.year, (birthday.month + 5) % 12 + 1, min(birthday.day, 28))


async def test_a_third_kind_is_planned_by_change_and_by_plan_without_another_line(desk: Desk) -> None:
    third = KindRules(HalfBirthday(), HalfBirthday.send_time, None, timedelta(hours=48))
    desk.rules = replace(desk.rules, kinds={**desk.rules.kinds, "half_birthday": third})
    await desk.take(FAR, person(dates={"birthday": "1990-09-10"}))
    await desk.take(EVE, person(UUID(int=6), dates={"birthday": "1990-09-10"}))
    await desk.planner(EVE).plan()
    for user in (ADA, UUID(int=6)):
        [message] = await desk.messages(user)
        assert (message.kind, message.local_date, message.send_at) == ("half_birthday", date(2026, 3, 10), DAY + 11 * HOUR)
