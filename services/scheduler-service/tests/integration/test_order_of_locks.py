"""Recipient, slot, message, each in the order of ids: whoever waits for the first row holds none of those after it."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler_service.domain import State
from scheduler_service.outcomes import Outcome, Result
from scheduler_service.testing import DAY, Desk, PostgresWorld, person
from scheduler_service.testing.delivery_worlds import PostgresDelivery
from servicekit.testing.locks import wait_until_it_waits

#: In the order of the locks, each with the id that orders its rows.
KEYS = {"recipients": "user_id", "occasions": "user_id", "messages": "id"}
USERS = [UUID(int=(1 << 80) + number) for number in range(3)]


@pytest.fixture
async def desk(engine: AsyncEngine) -> Desk:
    desk = Desk(PostgresWorld(engine))
    await desk.take(DAY, *map(person, USERS))
    return desk


@pytest.mark.parametrize("table", KEYS)
async def test_a_change_locks_in_order(desk: Desk, engine: AsyncEngine, table: str) -> None:
    edited = [person(user, version=2, email="new@example.org") for user in reversed(USERS)]
    await _hold_the_first(engine, table, desk.take(DAY, *edited))


@pytest.mark.parametrize("table", list(KEYS)[1:])
async def test_outcomes_lock_in_order(desk: Desk, engine: AsyncEngine, table: str) -> None:
    queued = [await desk.put((await desk.messages(user))[0], State.QUEUED) for user in USERS]
    told = [Outcome(message.id, 1, Result.HELD) for message in reversed(queued)]
    await _hold_the_first(engine, table, desk.settle(DAY, *told))


async def _hold_the_first(engine: AsyncEngine, table: str, work: Coroutine[Any, Any, Any]) -> None:
    async with engine.begin() as other:
        await other.execute(text(f"SELECT FROM {table} ORDER BY {KEYS[table]} LIMIT 1 FOR UPDATE"))
        working = asyncio.create_task(work)
        await wait_until_it_waits(engine, working)
        names = list(KEYS)
        free = [await _free(engine, name) for name in names[names.index(table) :]]
    await working
    assert free == [len(USERS) - 1] + [len(USERS)] * (len(free) - 1)


async def _free(engine: AsyncEngine, table: str) -> int:
    async with engine.begin() as connection:
        return len((await connection.execute(text(f"SELECT FROM {table} FOR UPDATE SKIP LOCKED"))).fetchall())


async def test_an_edit_that_commits_while_the_claim_looks_is_emitted_with_its_address(postgres_plan: PostgresDelivery) -> None:
    """A recipient joined to the claim is as the claim's snapshot has it, and the message as it is when its lock is had."""
    message = await postgres_plan.plan(await postgres_plan.user())
    for statement in (
        "ALTER TABLE messages ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE messages FORCE ROW LEVEL SECURITY",
        "CREATE POLICY wait ON messages USING (pg_advisory_xact_lock_shared(1) IS NOT NULL)",  # Whoever looks at a row waits for the edit.
    ):
        await postgres_plan.fetch(statement)
    async with await psycopg.AsyncConnection.connect(postgres_plan.url) as edit:
        await edit.execute("SELECT pg_advisory_xact_lock(1)")
        emitting = asyncio.create_task(postgres_plan.emitter().emit())
        await wait_until_it_waits(postgres_plan.engine, emitting)
        await edit.execute("UPDATE recipients SET email = 'new@example.org'")
        await edit.execute("UPDATE messages SET revision = 2")
    assert await emitting == 1
    [produced] = postgres_plan.topic.produced
    assert (produced.message.id, produced.message.revision) == (message.bytes, 2)
    assert produced.addressee.email == "new@example.org"
