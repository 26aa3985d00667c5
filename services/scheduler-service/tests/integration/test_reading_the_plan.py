"""Queries and replays, over the fake and over Postgres."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from occasions.identity import message_id
from scheduler_service.domain import Message, MessageFilter, State
from scheduler_service.service import MessageNotFound, Plan
from scheduler_service.testing import ADA, DAY, Desk, person

HOUR = timedelta(hours=1)
EVE, AFTER = DAY - 20 * HOUR, DAY + 10 * HOUR
EVERYTHING = MessageFilter()


def plan(desk: Desk, now: Any = AFTER) -> Plan:
    return Plan(desk.world.at(now).queries, lambda: None)


@pytest.fixture
async def people(desk: Desk) -> list[UUID]:
    users = [UUID(int=number) for number in range(1, 8)]
    both = {"birthday": "1990-03-10", "anniversary": "2015-03-09"}
    await desk.take(EVE, *(person(user, dates=both) for user in users))
    return users


async def test_a_message_is_found_by_its_id(desk: Desk, people: list[UUID]) -> None:
    identity = message_id(people[0], "birthday", date(2026, 3, 10))
    found = await plan(desk).message(identity)
    assert (found.id, found.user_id, found.created_at is not None) == (identity, people[0], True)


async def test_an_unknown_one_is_not(desk: Desk, people: list[UUID]) -> None:
    with pytest.raises(MessageNotFound, match=r"There is no such message\."):
        await plan(desk).message(message_id(ADA, "birthday", date(2026, 3, 10)))


async def test_pages_follow_each_other_without_gap_or_repeat(desk: Desk, people: list[UUID]) -> None:
    seen: list[Message] = []
    while page := await plan(desk).messages(EVERYTHING, (seen[-1].local_date, seen[-1].id) if seen else None, 4):
        seen += page
    assert len(seen) == 14
    assert [message.local_date.day for message in seen] == [10] * 7 + [9] * 7
    assert sorted(seen, key=lambda message: (message.local_date, message.id), reverse=True) == seen


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (MessageFilter(user_id=UUID(int=3)), 2),
        (MessageFilter(state=State.SCHEDULED), 14),
        (MessageFilter(state=State.SENT), 0),
        (MessageFilter(local_date=date(2026, 3, 9)), 7),
        (MessageFilter(local_date=date(226, 3, 9)), 0),
        (MessageFilter(kind="birthday"), 7),
        (MessageFilter(user_id=UUID(int=3), kind="birthday", local_date=date(2026, 3, 10), state=State.SCHEDULED), 1),
        (MessageFilter(user_id=ADA), 0),
    ],
)
async def test_all_filters_given_must_hold(desk: Desk, people: list[UUID], wanted: MessageFilter, count: int) -> None:
    assert len(await plan(desk).messages(wanted, None, 100)) == count


async def test_of_a_user_that_is_not_known_there_are_no_changes_to_tell(desk: Desk, people: list[UUID]) -> None:
    assert await plan(desk).replans(people[0], None, 10)
    assert await plan(desk).replans(people[0], (0, 0), 10) == []
    assert await plan(desk).replans(ADA, None, 10) == []


class TestReplays:
    @pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED])
    async def test_what_ended_unsent_is_planned_again(self, desk: Desk, state: State) -> None:
        await desk.take(EVE, person())
        ended = await desk.put(await desk.message(), state, revision=5, attempts=8)
        replayed, refused = await plan(desk).replay([ended.id])
        again = await desk.message()
        assert (replayed, refused) == ([ended.id], {})
        assert (again.state, again.revision, again.replay, again.attempts) == (State.SCHEDULED, 6, 1, 0)
        assert abs(again.send_at - AFTER) < timedelta(minutes=1)

    @pytest.mark.parametrize("state", sorted(set(State) - {State.FAILED, State.EXPIRED}))
    async def test_everything_else_is_left_alone(self, desk: Desk, state: State) -> None:
        await desk.take(EVE, person())
        message = await desk.put(await desk.message(), state)
        replayed, refused = await plan(desk).replay([message.id])
        assert (replayed, (await desk.message()).revision) == ([], 1)
        assert refused[message.id] == f"it is {state}; only FAILED and EXPIRED messages are sent again"

    async def test_past_its_budget_it_is_refused(self, desk: Desk) -> None:
        await desk.take(EVE, person())
        message = await desk.put(await desk.message(), State.FAILED)
        assert (await plan(desk, DAY + timedelta(days=5)).replay([message.id]))[1] == {message.id: "its lateness budget is over"}

    async def test_of_a_deleted_user_it_is_refused(self, desk: Desk) -> None:
        await desk.take(EVE, person())
        message = await desk.put(await desk.message(), State.FAILED)
        await desk.take(AFTER, person(version=2, deleted=True))
        assert "its user was deleted" in (await plan(desk).replay([message.id]))[1][message.id]

    async def test_where_another_holds_the_year_it_is_refused(self, desk: Desk) -> None:
        await desk.take(EVE, person())
        message = await desk.put(await desk.message(), State.FAILED)
        other = replace(message, id=message_id(ADA, "birthday", date(2026, 3, 11)), local_date=date(2026, 3, 11))
        await desk.world.hold(await desk.world.slot(ADA, "birthday"), other)
        assert "another message of the year" in (await plan(desk).replay([message.id]))[1][message.id]

    async def test_an_unknown_one_is_refused_and_twice_is_once(self, desk: Desk) -> None:
        await desk.take(EVE, person())
        message = await desk.put(await desk.message(), State.FAILED)
        unknown = message_id(ADA, "birthday", date(2026, 3, 12))
        assert (await plan(desk).replay([message.id, unknown]))[1] == {unknown: "there is no such message"}
        assert message.id in (await plan(desk).replay([message.id]))[1]
