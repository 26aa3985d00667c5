"""A transaction waits for locks and for Kafka: what it judges and writes goes by the time as it is then, not as it was at its start."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from scheduler_service.adapters.postgres import ticks
from scheduler_service.ports import Emitted
from scheduler_service.testing import DAY, Desk, PostgresWorld, person
from scheduler_service.testing.delivery import MINUTE, DeliveryWorld, StillUnread, Topic, now
from scheduler_service.testing.delivery_worlds import PostgresDelivery
from servicekit.testing import wait_until
from servicekit.testing.locks import wait_until_it_waits

DUE = DAY + timedelta(hours=8)
SOON = timedelta(seconds=1)
LEASE = timedelta(seconds=30)


@dataclass
class Dated(Topic):
    """Notes when it took the last record, which is the time that Kafka would give it."""

    took_at: datetime = field(default_factory=now)

    async def produce(self, messages: Sequence[Emitted]) -> None:
        self.took_at = now()
        await super().produce(messages)


async def test_a_claim_takes_what_came_due_since_its_transaction_began(plan: DeliveryWorld) -> None:
    message = await plan.plan(await plan.user(), due=SOON.total_seconds())
    due_at = (await plan.message(message))["send_at"]
    async with plan.emission(0)() as emission:
        await emission.next_due(0)
        await wait_until(lambda: now() > due_at)
        claimed = await emission.claim_due(10)
    assert [due.id for due in claimed.messages] == [message.bytes]
    assert claimed.now >= due_at.timestamp() * 1e6


async def test_what_is_marked_is_younger_than_its_record_which_is_not_lost_while_it_waits_on_the_topic(plan: DeliveryWorld) -> None:
    plan.topic = topic = Dated()
    await plan.emitted_one()
    assert (await plan.recoverer(StillUnread(topic.took_at), timedelta()).recover())["emitted_again"] == 0


async def test_nor_is_the_record_that_recover_produced(plan: DeliveryWorld) -> None:
    plan.topic = topic = Dated()
    _, message = await plan.emitted_one()
    await plan.change(message, queued_at=now() - 10 * MINUTE)
    assert (await plan.recoverer(StillUnread()).recover())["emitted_again"] == 1
    assert (await plan.recoverer(StillUnread(topic.took_at), timedelta()).recover())["emitted_again"] == 0


async def test_a_change_asks_about_what_came_due_while_it_waited_for_a_lock(url: str, engine: Any) -> None:
    """Else *emit*, which may hold the lock, has handed it over, and nobody calls it back."""
    desk = Desk(PostgresWorld(engine))
    await desk.take(DUE - timedelta(hours=1), person())
    message = await desk.message()
    async with await psycopg.AsyncConnection.connect(url) as emit:
        await emit.execute("SELECT 1 FROM messages FOR UPDATE")
        change = asyncio.create_task(desk.take(DUE - SOON, person(version=2, deleted=True)))
        await wait_until_it_waits(engine, change)
        waits_since = now()
        await wait_until(lambda: now() > waits_since + 1.5 * SOON)
    await change
    assert await desk.world.questions() == [(message.id, 1)]


async def test_a_lease_is_counted_from_when_it_is_had_and_not_from_when_it_was_asked_for(postgres_plan: PostgresDelivery) -> None:
    tick = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
    async with await psycopg.AsyncConnection.connect(postgres_plan.url) as other:
        await other.execute(ticks._ONE_AT_A_TIME.encode(), {"job": "plan"})
        acquiring = asyncio.create_task(postgres_plan.ticks.acquire("plan", tick, "a", LEASE))
        await wait_until_it_waits(postgres_plan.engine, acquiring)
        left_at = now()
    assert await acquiring
    [run] = await postgres_plan.fetch("SELECT lease_until_at, started_at FROM ticks")
    assert run["lease_until_at"] - LEASE >= left_at
    assert run["started_at"] >= left_at
