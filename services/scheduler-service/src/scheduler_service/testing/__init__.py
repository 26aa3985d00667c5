"""Builders and worlds for tests; no service imports it at run time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from heyday.scheduler.v1.message_cancelled_pb2 import MessageCancelled
from occasions.registry import discover
from scheduler_service.adapters.memory import MemoryPlanStore, MemoryQueries, MemoryReplanStore, MemorySettlements, Tables
from scheduler_service.adapters.postgres.outcomes import PostgresSettlements
from scheduler_service.adapters.postgres.plan_store import PostgresPlanStore
from scheduler_service.adapters.postgres.queries import PostgresQueries
from scheduler_service.adapters.postgres.replan import PostgresReplanStore
from scheduler_service.domain import GREETED_DAYS, KindRules, Message, MessageFilter, PlanRules, Recipient, Slot, State
from scheduler_service.outcomes import Outcome
from scheduler_service.planning import Planner
from scheduler_service.ports import PlanStore, Queries, ReplanStore, SettlementStore
from scheduler_service.service import TakenIn, UserChanges
from scheduler_service.settlement import Settler
from servicekit.outbox import Outbox

#: A Tuesday; 09:00 in Berlin is 08:00 UTC.
DAY = datetime(2026, 3, 10, tzinfo=UTC)
LONG_KNOWN = datetime(2020, 1, 1, tzinfo=UTC)
ADA = UUID("01932c07-20a4-7cd1-8000-2b1f4a5e6d7c")


def rules(*, epoch: int = 0, horizon: timedelta = timedelta(hours=48), **changes: Any) -> PlanRules:
    """Every kind at 09:00, late until the day ends, belated for 48 h; `changes` are those of KindRules."""
    kinds = {name: replace(KindRules(kind, time(9), None, timedelta(hours=48)), **changes) for name, kind in discover().items()}
    return PlanRules(kinds, horizon, epoch)


def person(user_id: UUID = ADA, version: int = 1, *, known_at: datetime = LONG_KNOWN, **changes: Any) -> Recipient:
    """Ada of Berlin, born on 10 March; her dates are known since 2020 unless it is said otherwise."""
    dates: Mapping[str, str] = changes.pop("dates", {"birthday": "1990-03-10"})
    known = dict.fromkeys(dates, known_at)
    ada = Recipient(user_id, 1, version, "ada@example.org", "Ada", "Lovelace", "en", "Europe/Berlin", dates, known)
    return replace(ada, **changes)


class Stores(NamedTuple):
    """The ports over one state of things, at one time."""

    replans: ReplanStore
    plans: PlanStore
    queries: Queries
    settlements: SettlementStore


class World(Protocol):
    """A plan, with memory or Postgres below, at any time."""

    def at(self, now: datetime) -> Stores:
        """The ports as they are at an instant."""

    async def force(self, message: Message) -> None:
        """Write what emission and outcomes would: state, revision, send_at, attempts, unsure, asked_revision."""

    async def hold(self, slot: Slot, message: Message) -> None:
        """Let a message hold its year."""

    async def slot(self, user_id: UUID, kind: str) -> Slot: ...

    async def questions(self) -> list[tuple[UUID, int]]:
        """What the ledger was asked, in order: (message, revision)."""


class MemoryWorld:
    """Over the fakes."""

    def __init__(self) -> None:
        self.tables = Tables()

    def at(self, now: datetime) -> Stores:
        place = (lambda: now), self.tables
        settlements = MemorySettlements(*place, GREETED_DAYS)
        return Stores(MemoryReplanStore(*place), MemoryPlanStore(*place), MemoryQueries(*place), settlements)

    async def force(self, message: Message) -> None:
        self.tables.messages[message.id] = message

    async def hold(self, slot: Slot, message: Message) -> None:
        self.tables.slots[slot.user_id, slot.kind] = slot.holding(message.local_date.year, message.id)

    async def slot(self, user_id: UUID, kind: str) -> Slot:
        return self.tables.slots[user_id, kind]

    async def questions(self) -> list[tuple[UUID, int]]:
        return [(question.message_id, question.revision) for question in self.tables.questions.values()]


class PostgresWorld:
    """Over a database whose clock is moved by the offset."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._outbox = Outbox()

    def at(self, now: datetime) -> Stores:
        offset = (now - datetime.now(UTC)).total_seconds()  # noqa: TID251
        plans = PostgresPlanStore(self._engine, self._outbox, offset)
        queries, settlements = PostgresQueries(self._engine, offset, open_days=365), PostgresSettlements(self._engine, offset, GREETED_DAYS)
        return Stores(PostgresReplanStore(self._engine, self._outbox, offset), plans, queries, settlements)

    async def force(self, message: Message) -> None:
        await self._run(
            "UPDATE messages SET state = :state, revision = :revision, send_at = :send_at, attempts = :attempts, unsure = :unsure,"
            " asked_revision = :asked WHERE id = :id",
            state=str(message.state),
            revision=message.revision,
            send_at=message.send_at,
            attempts=message.attempts,
            unsure=message.unsure,
            asked=message.asked_revision,
            id=message.id,
        )

    async def hold(self, slot: Slot, message: Message) -> None:
        await self._run(
            "UPDATE occasions SET slot_year = :year, slot_message_id = :id WHERE user_id = :user AND kind = :kind",
            year=message.local_date.year,
            id=message.id,
            user=slot.user_id,
            kind=slot.kind,
        )

    async def slot(self, user_id: UUID, kind: str) -> Slot:
        async def read(unit: Any) -> Slot:
            slots: Mapping[UUID, Mapping[str, Slot]] = await unit.lock_slots([user_id])
            return slots[user_id][kind]

        return await self.at(DAY).replans.replan(read)

    async def questions(self) -> list[tuple[UUID, int]]:
        async with self._engine.begin() as connection:
            rows = (await connection.execute(text("SELECT payload FROM outbox ORDER BY id"))).scalars()
            asked = [MessageCancelled.FromString(bytes(payload)) for payload in rows]
        return [(UUID(bytes=question.id), question.revision) for question in asked]

    async def _run(self, statement: str, **parameters: Any) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(statement), parameters)


class Desk:
    """Edits users and plans them in a world, by rules that can be changed on the way."""

    def __init__(self, world: World, plan_rules: PlanRules | None = None) -> None:
        self.world = world
        self.rules = plan_rules or rules()
        self.woken = 0

    async def take(self, now: datetime, *snapshots: Recipient, offset: int = 1) -> TakenIn:
        changes = UserChanges(self.world.at(now).replans, self.rules, self._wake)
        return await changes.take_in(snapshots, "test", {("changes", 0): offset})

    async def settle(self, now: datetime, *told: Outcome) -> None:
        await Settler(self.world.at(now).settlements).settle(told)

    def planner(self, now: datetime, looked_at: datetime | None = None) -> Planner:
        async def last_look() -> datetime | None:
            return looked_at

        return Planner(
            self.world.at(now).plans,
            self.rules,
            batch_slots=3,
            concurrency=2,
            months_ahead=1,
            retention_months=24,
            last_look=last_look,
            changed=self._wake,
        )

    async def messages(self, user_id: UUID = ADA) -> list[Message]:
        """The user's messages, the earliest date first."""
        found = await self.world.at(DAY).queries.messages(MessageFilter(user_id=user_id), None, 100)
        return sorted(found, key=lambda message: message.id)

    async def message(self) -> Message:
        """Ada's only one."""
        (only,) = await self.messages()
        return only

    async def put(self, message: Message, state: State, **changes: Any) -> Message:
        """What emission or an outcome made of a message; from QUEUED on it holds its year."""
        forced = replace(message, state=state, **changes)
        await self.world.force(forced)
        await self.world.hold(await self.world.slot(message.user_id, message.kind), forced)
        return forced

    def _wake(self) -> None:
        self.woken += 1


def actions(taken: TakenIn) -> Sequence[tuple[str, str]]:
    """What was done to each message, with the reason."""
    return [(str(done.action), str(done.reason)) for change in taken.changes for done in change.actions]
