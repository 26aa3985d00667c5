"""Emission, settlement, recovery and ticks on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from occasions.identity import message_id
from occasions.registry import discover
from scheduler_service.adapters.postgres import emit, outcomes, recover
from scheduler_service.adapters.postgres.ticks import PostgresTicks
from scheduler_service.emission import Emitter
from scheduler_service.outcomes import Outcome, Result
from scheduler_service.ports_delivery import Emitted
from scheduler_service.recovery import Patience, Recoverer
from scheduler_service.settlement import Settled, Settler
from servicekit.kafka import KafkaUnavailable
from servicekit.outbox import Outbox
from servicekit.postgres import create_engine
from servicekit.postgres.migrations import migrate
from servicekit.settings import PostgresSettings

TODAY = datetime.now(UTC).date()
DAYS_BACK = 40
GAP_DAYS = 60
FIVE_MINUTES = timedelta(minutes=5)


def _migrate(url: str) -> None:
    migrate(url, "scheduler", Path(__file__).parents[2] / "migrations")


@dataclass
class Topic:
    """Takes what is produced; `fails` times it does not."""

    produced: list[Emitted] = field(default_factory=list)
    fails: int = 0
    hold: asyncio.Event | None = None

    async def produce(self, messages: Sequence[Emitted]) -> None:
        if self.hold:
            await self.hold.wait()
        if self.fails:
            self.fails -= 1
            raise KafkaUnavailable
        self.produced += messages


@dataclass
class Plan:
    """A plan in a database of its own, written and read by plain SQL."""

    url: str
    engine: AsyncEngine
    topic: Topic = field(default_factory=Topic)

    def emitter(self, batch: int = 100) -> Emitter:
        return Emitter(partial(emit.emission, self.engine, 0, DAYS_BACK), self.topic, discover(), batch)

    def settler(self) -> Settler:
        return Settler(outcomes.PostgresSettlements(self.engine, 0, GAP_DAYS))

    async def settle(self, *told: Outcome) -> Settled:
        return await self.settler().settle(told)

    async def fetch(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

    async def message(self, message: UUID) -> dict[str, Any]:
        async with await psycopg.AsyncConnection.connect(self.url, row_factory=psycopg.rows.dict_row) as connection:
            row = await (await connection.execute("SELECT * FROM messages WHERE id = %s", [message])).fetchone()
            assert row is not None
            return row

    async def slot(self, user: UUID, kind: str = "birthday") -> tuple[int | None, UUID | None]:
        [row] = await self.fetch("SELECT slot_year, slot_message_id FROM occasions WHERE user_id = %s AND kind = %s", user, kind)
        return row[0], row[1]

    async def user(self, *, year: int | None = 1990, day: date = TODAY, kind: str = "birthday") -> UUID:
        user = uuid4()
        await self.fetch(
            "INSERT INTO recipients (user_id, epoch, version, email, first_name, last_name, locale, timezone, leap_day_rule, suppressed,"
            " deleted, erased) VALUES (%s, 1, 1, %s, 'Ada', 'Lovelace', 'en', 'UTC', 'FEB_28', '{}', false, false)",
            user,
            f"{user}@example.org",
        )
        await self.fetch(
            "INSERT INTO occasions (user_id, kind, zone, month, day, year, leap_day_rule, known_at, active)"
            " VALUES (%s, %s, 'UTC', %s, %s, %s, 'FEB_28', '2020-01-01Z', true)",
            *(user, kind, day.month, day.day, year),
        )
        return user

    async def plan(self, user: UUID, *, day: date = TODAY, kind: str = "birthday", due: float = -5, **columns: object) -> UUID:
        """Plan a message that came due `-due` seconds ago, late in an hour and past its budget in two days."""
        message, now = message_id(user, kind, day), datetime.now(UTC)
        at = now + timedelta(seconds=due)
        row = {
            "id": message,
            "local_date": day,
            "user_id": user,
            "kind": kind,
            "state": "SCHEDULED",
            "due_at": at,
            "send_at": at,
            "late_until_at": now + timedelta(hours=1),
            "expires_at": now + timedelta(days=2),
            "timezone": "UTC",
            "tzdata_version": "2026f",
            "zone_rule": "EXACT",
        } | columns
        names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        await self.fetch(f"INSERT INTO messages ({names}) VALUES ({marks})", *row.values())
        return message


@pytest.fixture
async def plan(database: Callable[..., Any]) -> AsyncIterator[Plan]:
    created = database("scheduler", migrate=_migrate)
    engine = create_engine(PostgresSettings(database_url=SecretStr(created.url)), "test")
    yield Plan(created.url, engine)
    await engine.dispose()


async def emitted_one(plan: Plan, **columns: Any) -> tuple[UUID, UUID]:
    user = await plan.user()
    message = await plan.plan(user, **columns)
    assert await plan.emitter().emit() == 1
    return user, message


def sent(message: UUID, revision: int = 1) -> Outcome:
    return Outcome(message, revision, Result.SENT, attempt=1, provider="http_email", provider_message_id="m-1", sent_at=datetime.now(UTC))


class TestEmit:
    async def test_a_due_message_is_produced_with_all_that_sending_needs_and_queued(self, plan: Plan) -> None:
        user, message = await emitted_one(plan)
        [produced] = plan.topic.produced
        row = await plan.message(message)
        assert (produced.message.id, produced.message.revision, produced.variant) == (message.bytes, 1, "on_the_day")
        assert produced.addressee.email == f"{user}@example.org"
        assert produced.not_after == int(row["late_until_at"].timestamp() * 1e6)
        assert (row["state"], row["variant"]) == ("QUEUED", "on_the_day")
        assert row["queued_at"] is not None
        assert await plan.slot(user) == (TODAY.year, message)

    async def test_never_early_not_by_a_second(self, plan: Plan) -> None:
        await plan.plan(await plan.user(), due=2)
        assert await plan.emitter().emit() == 0
        assert plan.topic.produced == []

    async def test_the_clock_of_the_database_and_its_offset_decide(self, plan: Plan) -> None:
        await plan.plan(await plan.user(), due=3600)
        ahead = Emitter(partial(emit.emission, plan.engine, 3700, DAYS_BACK), plan.topic, discover(), 10)
        assert await ahead.emit() == 1

    async def test_after_the_local_day_the_text_is_belated_until_the_budget_ends(self, plan: Plan) -> None:
        _, message = await emitted_one(plan, late_until_at=datetime.now(UTC) - timedelta(hours=1))
        [produced] = plan.topic.produced
        assert produced.variant == "belated"
        assert produced.not_after == int((await plan.message(message))["expires_at"].timestamp() * 1e6)

    async def test_while_unsure_the_text_is_kept_for_its_key_allows_no_other(self, plan: Plan) -> None:
        await emitted_one(plan, late_until_at=datetime.now(UTC) - timedelta(hours=1), unsure=True, variant="on_the_day")
        [produced] = plan.topic.produced
        assert produced.variant == "on_the_day"
        assert produced.not_after == produced.message.expires_at

    async def test_an_anniversary_knows_its_years(self, plan: Plan) -> None:
        user = await plan.user(kind="anniversary", year=TODAY.year - 7)
        await plan.plan(user, kind="anniversary")
        await plan.emitter().emit()
        assert plan.topic.produced[0].years == 7

    async def test_mark_last_what_kafka_does_not_acknowledge_stays_scheduled_and_goes_out_later(self, plan: Plan) -> None:
        user = await plan.user()
        message = await plan.plan(user)
        plan.topic.fails = 1
        with pytest.raises(KafkaUnavailable):
            await plan.emitter().emit()
        assert (await plan.message(message))["state"] == "SCHEDULED"
        assert await plan.slot(user) == (None, None)
        assert await plan.emitter().emit() == 1

    async def test_more_than_a_batch_is_emitted_in_batches(self, plan: Plan) -> None:
        for _ in range(7):
            await plan.plan(await plan.user())
        assert await plan.emitter(batch=3).emit() == 7

    async def test_eight_schedulers_at_once_emit_each_message_once(self, plan: Plan) -> None:
        for _ in range(40):
            await plan.plan(await plan.user())
        counts = await asyncio.gather(*(plan.emitter(batch=5).emit() for _ in range(8)))
        assert sum(counts) == 40
        assert len({e.message.id for e in plan.topic.produced}) == len(plan.topic.produced) == 40

    async def test_slot_a_year_held_by_another_message_lets_none_through(self, plan: Plan) -> None:
        user, other = await plan.user(), uuid4()
        await plan.fetch("UPDATE occasions SET slot_year = %s, slot_message_id = %s", TODAY.year, other)
        await plan.plan(user)
        assert await plan.emitter().emit() == 0

    async def test_slot_last_year_does_not_hold_this_one(self, plan: Plan) -> None:
        user = await plan.user()
        await plan.fetch("UPDATE occasions SET slot_year = %s, slot_message_id = %s", TODAY.year - 1, uuid4())
        message = await plan.plan(user)
        assert await plan.emitter().emit() == 1
        assert await plan.slot(user) == (TODAY.year, message)

    async def test_slot_two_due_dates_of_one_year_send_one(self, plan: Plan) -> None:
        user = await plan.user()
        first = await plan.plan(user, due=-10)
        await plan.plan(user, day=TODAY - timedelta(days=1) if TODAY.timetuple().tm_yday > 1 else TODAY + timedelta(days=1))
        assert await plan.emitter().emit() == 1
        assert [e.message.id for e in plan.topic.produced] == [first.bytes]

    async def test_open_holds_an_open_question_about_another_date_stops_emission(self, plan: Plan) -> None:
        user = await plan.user()
        await plan.plan(user)
        await plan.plan(user, day=TODAY - timedelta(days=3), state="CANCELLED", asked_revision=1)
        assert await plan.emitter().emit() == 0

    async def test_past_its_budget_nothing_is_emitted(self, plan: Plan) -> None:
        await plan.plan(await plan.user(), expires_at=datetime.now(UTC) - timedelta(seconds=1))
        assert await plan.emitter().emit() == 0

    async def test_an_edit_in_progress_is_left_for_the_next_look(self, plan: Plan) -> None:
        await plan.plan(await plan.user())
        async with await psycopg.AsyncConnection.connect(plan.url) as edit:
            await edit.execute("SELECT 1 FROM occasions FOR UPDATE")
            assert await asyncio.wait_for(plan.emitter().emit(), 5) == 0
        assert await plan.emitter().emit() == 1

    async def test_an_address_changed_before_the_claim_commits_is_the_one_produced(self, plan: Plan) -> None:
        await plan.plan(await plan.user())
        await plan.fetch("UPDATE recipients SET email = 'new@example.org'")
        await plan.emitter().emit()
        assert plan.topic.produced[0].addressee.email == "new@example.org"

    async def test_it_tells_when_the_next_message_is_due(self, plan: Plan) -> None:
        await plan.plan(await plan.user(), due=-50)
        later = await plan.plan(await plan.user(), due=50)
        now = int(datetime.now(UTC).timestamp() * 1e6)
        assert await plan.emitter().next_due(now) == int((await plan.message(later))["send_at"].timestamp() * 1e6)
        assert await plan.emitter().next_due(now + 60_000_000) is None


class TestSettle:
    async def test_sent_is_recorded_with_provider_and_time(self, plan: Plan) -> None:
        user, message = await emitted_one(plan)
        settled = await plan.settle(sent(message))
        row = await plan.message(message)
        assert [confirmed.id for confirmed in settled.confirmed] == [message.bytes]
        assert (row["state"], row["provider"], row["provider_message_id"], row["attempts"]) == ("SENT", "http_email", "m-1", 1)
        assert await plan.slot(user) == (TODAY.year, message)

    async def test_sent_twice_is_recorded_once(self, plan: Plan) -> None:
        _, message = await emitted_one(plan)
        await plan.settle(sent(message))
        before = await plan.message(message)
        again = await plan.settle(sent(message), Outcome(message, 1, Result.RETRY, attempt=2, provider="other"))
        assert (again.confirmed, again.stale) == ([], 2)
        assert await plan.message(message) == before

    async def test_a_retry_waits_under_a_new_revision_and_is_emitted_again(self, plan: Plan) -> None:
        _, message = await emitted_one(plan)
        await plan.settle(Outcome(message, 1, Result.RETRY, attempt=1, next_attempt_at=datetime.now(UTC), reason="http_503"))
        row = await plan.message(message)
        assert (row["state"], row["revision"], row["attempts"], row["reason"]) == ("RETRYING", 2, 1, "http_503")
        assert await plan.emitter().emit() == 1
        assert plan.topic.produced[-1].message.revision == 2

    async def test_a_failure_frees_the_year(self, plan: Plan) -> None:
        user, message = await emitted_one(plan)
        await plan.settle(Outcome(message, 1, Result.FAILED, attempt=8, reason="http_422"))
        assert (await plan.message(message))["state"] == "FAILED"
        assert await plan.slot(user) == (None, None)

    async def test_unsure_holds_a_failure_that_may_have_been_sent_keeps_the_year(self, plan: Plan) -> None:
        user, message = await emitted_one(plan)
        await plan.settle(Outcome(message, 1, Result.FAILED, unsure=True, attempt=8, reason="timeout"))
        assert (await plan.message(message))["state"] == "UNCERTAIN"
        assert await plan.slot(user) == (TODAY.year, message)

    async def test_facts_win_over_a_cancel_and_suppress_the_other_plan_of_the_year(self, plan: Plan) -> None:
        user, message = await emitted_one(plan)
        await plan.fetch("UPDATE messages SET state = 'CANCELLED', revision = 2, asked_revision = 1, asked_at = now()")
        other = await plan.plan(user, day=TODAY + timedelta(days=20), due=1_700_000)
        await plan.settle(sent(message))
        row = await plan.message(message)
        assert (row["state"], row["asked_revision"], row["asked_at"]) == ("SENT", 0, None)
        suppressed = await plan.message(other)
        assert (suppressed["state"], suppressed["reason"], suppressed["revision"]) == ("SUPPRESSED", "already_greeted", 2)

    async def test_an_answered_cancel_frees_the_year(self, plan: Plan) -> None:
        user, message = await emitted_one(plan)
        await plan.fetch("UPDATE messages SET state = 'CANCELLED', revision = 2, asked_revision = 1, asked_at = now()")
        await plan.settle(Outcome(message, 1, Result.CANCELLED))
        assert (await plan.message(message))["asked_revision"] == 0
        assert await plan.slot(user) == (None, None)

    async def test_a_batch_with_several_outcomes_of_one_message_settles_them_in_order(self, plan: Plan) -> None:
        _, message = await emitted_one(plan)
        await plan.settle(Outcome(message, 1, Result.RETRY, attempt=1, next_attempt_at=datetime.now(UTC)), sent(message, 1))
        assert (await plan.message(message))["state"] == "SENT"

    async def test_an_outcome_of_no_message_is_counted_and_passed_over(self, plan: Plan) -> None:
        unknown = message_id(uuid4(), "birthday", TODAY)
        settled = await plan.settle(sent(unknown))
        assert settled.unknown == 1

    async def test_five_concurrent_outcomes_end_in_one_legal_state(self, plan: Plan) -> None:
        _, message = await emitted_one(plan)
        soon = datetime.now(UTC)
        told = [
            Outcome(message, 1, Result.RETRY, attempt=1, next_attempt_at=soon),
            Outcome(message, 1, Result.FAILED, attempt=1),
            sent(message),
            Outcome(message, 1, Result.EXPIRED),
            Outcome(message, 1, Result.HELD),
        ]
        await asyncio.gather(*(plan.settle(outcome) for outcome in told))
        assert (await plan.message(message))["state"] == "SENT"


class Backlog:
    def __init__(self, unread: datetime | None = None) -> None:
        self.unread = unread

    async def unread_since(self) -> Mapping[int, datetime | None]:
        return {0: self.unread}

    def partition_of(self, user_id: bytes) -> int:
        return 0


class TestRecover:
    def recoverer(self, plan: Plan, backlog: Backlog, outcome_seconds: float = 60, answer_seconds: float = 60) -> Recoverer:
        async def none_missed() -> int:
            return 0

        patience = Patience(timedelta(seconds=outcome_seconds), timedelta(seconds=answer_seconds), timedelta(seconds=60))
        return Recoverer(partial(recover.recovery, plan.engine, Outbox(), 0), plan.emitter(), backlog, none_missed, patience, 100)

    async def test_a_message_without_an_outcome_is_emitted_again_under_its_revision(self, plan: Plan) -> None:
        _, message = await emitted_one(plan)
        await plan.fetch("UPDATE messages SET queued_at = now() - interval '10 minutes'")
        counts = await self.recoverer(plan, Backlog()).recover()
        assert counts["emitted_again"] == 1
        again = plan.topic.produced[-1]
        assert (again.message.id, again.message.revision, again.recovered) == (message.bytes, 1, True)
        assert (await self.recoverer(plan, Backlog()).recover())["emitted_again"] == 0

    async def test_what_still_waits_on_the_topic_is_not_doubled(self, plan: Plan) -> None:
        await emitted_one(plan)
        await plan.fetch("UPDATE messages SET queued_at = now() - interval '10 minutes'")
        backlog = Backlog(datetime.now(UTC) - timedelta(minutes=20))
        assert (await self.recoverer(plan, backlog).recover())["emitted_again"] == 0

    async def test_what_was_queued_a_moment_ago_is_left_alone(self, plan: Plan) -> None:
        await emitted_one(plan)
        assert (await self.recoverer(plan, Backlog()).recover())["emitted_again"] == 0

    async def test_overdue_messages_are_emitted_and_counted(self, plan: Plan) -> None:
        await plan.plan(await plan.user(), due=-7200)
        counts = await self.recoverer(plan, Backlog()).recover()
        assert (counts["missed"], counts["recovered"], counts["failed"]) == (1, 1, 0)

    async def test_past_its_budget_a_message_expires_with_a_reason_and_a_question(self, plan: Plan) -> None:
        user = await plan.user()
        message = await plan.plan(user, due=-7200, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        counts = await self.recoverer(plan, Backlog()).recover()
        row = await plan.message(message)
        assert (counts["expired"], counts["failed"]) == (1, 1)
        assert (row["state"], row["reason"], row["asked_revision"], row["revision"]) == ("EXPIRED", "past_budget", 1, 2)
        assert len(await plan.fetch("SELECT 1 FROM outbox")) == 1
        await plan.settle(Outcome(message, 1, Result.CANCELLED))
        assert (await plan.message(message))["asked_revision"] == 0
        assert (await self.recoverer(plan, Backlog()).recover())["failed"] == 0

    async def test_an_unanswered_question_is_asked_again(self, plan: Plan) -> None:
        await plan.plan(
            await plan.user(), state="CANCELLED", revision=2, asked_revision=1, asked_at=datetime.now(UTC) - timedelta(minutes=5)
        )
        assert (await self.recoverer(plan, Backlog()).recover())["asked_again"] == 1
        assert (await self.recoverer(plan, Backlog()).recover())["asked_again"] == 0
        assert len(await plan.fetch("SELECT 1 FROM outbox")) == 1


class TestTicks:
    TICK = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
    LEASE = timedelta(seconds=30)

    async def test_one_of_many_gets_a_tick(self, plan: Plan) -> None:
        ticks = PostgresTicks(plan.engine, 0)
        got = await asyncio.gather(*(ticks.acquire("plan", self.TICK, str(n), self.LEASE) for n in range(10)))
        assert got.count(True) == 1

    async def test_one_run_of_a_job_at_a_time(self, plan: Plan) -> None:
        ticks = PostgresTicks(plan.engine, 0)
        assert await ticks.acquire("plan", self.TICK, "a", self.LEASE)
        assert not await ticks.acquire("plan", self.TICK + timedelta(minutes=1), "b", self.LEASE)
        assert await ticks.acquire("emit", self.TICK, "b", self.LEASE)

    async def test_a_lapsed_run_is_taken_over_and_its_first_holder_is_fenced_off(self, plan: Plan) -> None:
        ticks = PostgresTicks(plan.engine, 0)
        await ticks.acquire("plan", self.TICK, "a", timedelta(seconds=-1))
        assert await ticks.last_tick("plan") is None
        assert await ticks.acquire("plan", self.TICK, "b", self.LEASE)
        assert not await ticks.renew("plan", self.TICK, "a", self.LEASE)
        await ticks.finish("plan", self.TICK, "a", {"planned": 1})
        assert (await ticks.last_runs(["plan"]))["plan"].finished_at is None
        assert await ticks.renew("plan", self.TICK, "b", self.LEASE)

    async def test_a_finished_tick_is_done_and_a_failed_one_is_open(self, plan: Plan) -> None:
        ticks = PostgresTicks(plan.engine, 0)
        await ticks.acquire("plan", self.TICK, "a", self.LEASE)
        await ticks.finish("plan", self.TICK, "a", {}, "RuntimeError: away")
        assert await ticks.last_tick("plan") is None
        assert await ticks.acquire("plan", self.TICK, "b", self.LEASE)
        await ticks.finish("plan", self.TICK, "b", {"planned": 3})
        assert await ticks.last_tick("plan") == self.TICK
        assert not await ticks.acquire("plan", self.TICK, "c", self.LEASE)
        run = (await ticks.last_runs(["plan", "emit"]))["plan"]
        assert (run.counts, run.error, run.result) == ({"planned": 3}, "", "SUCCEEDED")

    async def test_old_runs_are_forgotten_the_last_of_each_job_apart(self, plan: Plan) -> None:
        ticks = PostgresTicks(plan.engine, 0)
        for minute in range(3):
            tick = self.TICK + timedelta(minutes=minute)
            await ticks.acquire("plan", tick, "a", self.LEASE)
            await ticks.finish("plan", tick, "a", {})
        assert await ticks.forget(timedelta(seconds=-1)) == 2
        assert await ticks.last_tick("plan") == self.TICK + timedelta(minutes=2)
