"""The Emission port, and *emit* over it. In memory and on Postgres."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from scheduler_service.jobs import DueWatch
from scheduler_service.testing.delivery import TODAY, DeliveryWorld, now
from scheduler_service.testing.delivery_worlds import PostgresDelivery
from servicekit.kafka import KafkaUnavailable
from servicekit.loops import Backoff, Loop
from servicekit.testing import wait_until


async def test_a_due_message_is_produced_with_all_that_sending_needs_and_queued(plan: DeliveryWorld) -> None:
    user, message = await plan.emitted_one()
    [produced] = plan.topic.produced
    row = await plan.message(message)
    assert (produced.message.id, produced.message.revision, produced.variant) == (message.bytes, 1, "on_the_day")
    assert produced.addressee.email == f"{user}@example.org"
    assert produced.not_after == int(row["late_until_at"].timestamp() * 1e6)
    assert (row["state"], row["variant"]) == ("QUEUED", "on_the_day")
    assert row["queued_at"] is not None
    assert await plan.slot(user) == (TODAY.year, message)


async def test_never_early_not_by_a_second(plan: DeliveryWorld) -> None:
    await plan.plan(await plan.user(), due=2)
    assert await plan.emitter().emit() == 0
    assert plan.topic.produced == []


async def test_the_clock_of_the_database_and_its_offset_decide(plan: DeliveryWorld) -> None:
    await plan.plan(await plan.user(), due=3600)
    assert await plan.emitter(offset_seconds=3700).emit() == 1


async def test_after_the_local_day_the_text_is_belated_until_the_budget_ends(plan: DeliveryWorld) -> None:
    _, message = await plan.emitted_one(late_until_at=now() - timedelta(hours=1))
    [produced] = plan.topic.produced
    assert produced.variant == "belated"
    assert produced.not_after == int((await plan.message(message))["expires_at"].timestamp() * 1e6)


async def test_while_unsure_the_text_is_kept_for_its_key_allows_no_other(plan: DeliveryWorld) -> None:
    await plan.emitted_one(late_until_at=now() - timedelta(hours=1), unsure=True, variant="on_the_day")
    [produced] = plan.topic.produced
    assert produced.variant == "on_the_day"
    assert produced.not_after == produced.message.expires_at


async def test_an_anniversary_knows_its_years(plan: DeliveryWorld) -> None:
    user = await plan.user(kind="anniversary", year=TODAY.year - 7)
    await plan.plan(user, kind="anniversary")
    await plan.emitter().emit()
    assert plan.topic.produced[0].years == 7


async def test_mark_last_what_kafka_does_not_acknowledge_stays_scheduled_and_goes_out_later(plan: DeliveryWorld) -> None:
    user = await plan.user()
    message = await plan.plan(user)
    plan.topic.fails = 1
    with pytest.raises(KafkaUnavailable):
        await plan.emitter().emit()
    assert (await plan.message(message))["state"] == "SCHEDULED"
    assert await plan.slot(user) == (None, None)
    assert await plan.emitter().emit() == 1


async def test_after_a_failed_batch_nothing_is_claimed_before_a_wait(plan: DeliveryWorld) -> None:
    for _ in range(7):
        await plan.plan(await plan.user())
    plan.topic.fails = 100
    emitting = Loop("due-watch", DueWatch(plan.emitter(batch=3), plan.ticks).follow, backoff=Backoff(first=60, longest=60))
    await emitting.start()
    await wait_until(lambda: plan.topic.fails < 100)
    await asyncio.sleep(0.2)
    await emitting.stop()
    assert plan.topic.fails == 99


async def test_more_than_a_batch_is_emitted_in_batches(plan: DeliveryWorld) -> None:
    for _ in range(7):
        await plan.plan(await plan.user())
    assert await plan.emitter(batch=3).emit() == 7


async def test_eight_schedulers_at_once_emit_each_message_once(plan: DeliveryWorld) -> None:
    for _ in range(40):
        await plan.plan(await plan.user())
    counts = await asyncio.gather(*(plan.emitter(batch=5).emit() for _ in range(8)))
    assert sum(counts) == 40
    assert len({e.message.id for e in plan.topic.produced}) == len(plan.topic.produced) == 40


async def test_slot_a_year_held_by_another_message_lets_none_through(plan: DeliveryWorld) -> None:
    user, other = await plan.user(), uuid4()
    await plan.hold(user, TODAY.year, other)
    await plan.plan(user)
    assert await plan.emitter().emit() == 0


async def test_slot_last_year_does_not_hold_this_one(plan: DeliveryWorld) -> None:
    user = await plan.user()
    await plan.hold(user, TODAY.year - 1, uuid4())
    message = await plan.plan(user)
    assert await plan.emitter().emit() == 1
    assert await plan.slot(user) == (TODAY.year, message)


async def test_slot_two_due_dates_of_one_year_send_one(plan: DeliveryWorld) -> None:
    user = await plan.user()
    first = await plan.plan(user, due=-10)
    await plan.plan(user, day=TODAY - timedelta(days=1) if TODAY.timetuple().tm_yday > 1 else TODAY + timedelta(days=1))
    assert await plan.emitter().emit() == 1
    assert [e.message.id for e in plan.topic.produced] == [first.bytes]


async def test_open_holds_an_open_question_about_another_date_stops_emission(plan: DeliveryWorld) -> None:
    user = await plan.user()
    await plan.plan(user)
    await plan.plan(user, day=TODAY - timedelta(days=3), state="CANCELLED", asked_revision=1)
    assert await plan.emitter().emit() == 0


async def test_past_its_budget_nothing_is_emitted(plan: DeliveryWorld) -> None:
    await plan.plan(await plan.user(), expires_at=now() - timedelta(seconds=1))
    assert await plan.emitter().emit() == 0


async def test_an_edit_in_progress_is_left_for_the_next_look(postgres_plan: PostgresDelivery) -> None:
    await postgres_plan.plan(await postgres_plan.user())
    async with await psycopg.AsyncConnection.connect(postgres_plan.url) as edit:
        await edit.execute("SELECT 1 FROM occasions FOR UPDATE")
        assert await asyncio.wait_for(postgres_plan.emitter().emit(), 5) == 0
    assert await postgres_plan.emitter().emit() == 1


async def test_an_address_changed_before_the_claim_commits_is_the_one_produced(plan: DeliveryWorld) -> None:
    user = await plan.user()
    await plan.plan(user)
    await plan.readdress(user, "new@example.org")
    await plan.emitter().emit()
    assert plan.topic.produced[0].addressee.email == "new@example.org"


async def test_it_tells_when_the_next_message_is_due(plan: DeliveryWorld) -> None:
    await plan.plan(await plan.user(), due=-50)
    later = await plan.plan(await plan.user(), due=50)
    instant = int(now().timestamp() * 1e6)
    assert await plan.emitter().next_due(instant) == int((await plan.message(later))["send_at"].timestamp() * 1e6)
    assert await plan.emitter().next_due(instant + 60_000_000) is None
