"""Both worlds of testing.delivery."""

from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler_service.adapters import memory
from scheduler_service.adapters.postgres import emit, outcomes, recover
from scheduler_service.adapters.postgres.ticks import PostgresTicks
from scheduler_service.domain import Message, Moments, Recipient, Slot, State
from scheduler_service.emission import EmissionUnit
from scheduler_service.ports import SettlementStore, Ticks
from scheduler_service.recovery import RecoveryUnit
from scheduler_service.testing.delivery import DAYS_BACK, GAP_DAYS, DeliveryWorld, Row, now
from servicekit.outbox import Outbox

LONG_KNOWN = datetime.fromisoformat("2020-01-01T00:00:00Z")
_MOMENTS = frozenset(column.name for column in fields(Moments))
#: Columns that are no part of a message, but tables of their own in memory.
_BESIDE = frozenset({"queued_at", "asked_at"})


class MemoryDelivery(DeliveryWorld):
    """Over the fakes."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = memory.Tables()

    @property
    def ticks(self) -> Ticks:
        return memory.MemoryTicks(now, self.tables)

    def emission(self, offset_seconds: float) -> EmissionUnit:
        return partial(memory.emission, lambda: now() + timedelta(seconds=offset_seconds), self.tables, DAYS_BACK)

    def settlements(self) -> SettlementStore:
        return memory.MemorySettlements(now, self.tables, GAP_DAYS)

    def recovery(self) -> RecoveryUnit:
        return partial(memory.recovery, now, self.tables)

    async def add_user(self, user: UUID, kind: str, year: int | None, day: date) -> None:
        self.tables.recipients[user] = Recipient(user, 1, 1, f"{user}@example.org", "Ada", "Lovelace", timezone="UTC")
        self.tables.slots[user, kind] = Slot(user, kind, "UTC", day.month, day.day, year, "FEB_28", LONG_KNOWN, active=True)

    async def add_message(self, row: Row) -> None:
        moments = Moments(**{name: value for name, value in row.items() if name in _MOMENTS})
        rest = {name: value for name, value in row.items() if name not in _MOMENTS | _BESIDE}
        self.tables.messages[row["id"]] = Message(**{"revision": 1} | rest | {"moments": moments, "state": State(row["state"])})
        self._change_beside(row["id"], row)

    async def change(self, message: UUID, **columns: Any) -> None:
        self._change_beside(message, columns)
        own: Row = {name: State(value) if name == "state" else value for name, value in columns.items() if name not in _BESIDE}
        self.tables.messages[message] = replace(self.tables.messages[message], **own)

    async def message(self, message: UUID) -> Row:
        found = self.tables.messages[message]
        row = {each.name: getattr(found, each.name) for each in fields(Message)}
        moments = {each.name: getattr(found.moments, each.name) for each in fields(Moments)}
        asked_at = self.tables.asked_at.get(message) if found.asked_revision else None
        return row | moments | {"queued_at": self.tables.queued_at.get(message), "asked_at": asked_at}

    async def slot(self, user: UUID, kind: str = "birthday") -> tuple[int | None, UUID | None]:
        slot = self.tables.slots[user, kind]
        return slot.slot_year, slot.slot_message_id

    async def hold(self, user: UUID, year: int, message: UUID) -> None:
        self.tables.slots[user, "birthday"] = self.tables.slots[user, "birthday"].holding(year, message)

    async def readdress(self, user: UUID, email: str) -> None:
        self.tables.recipients[user] = replace(self.tables.recipients[user], email=email)

    async def questions(self) -> int:
        return len(self.tables.questions)

    def _change_beside(self, message: UUID, columns: Row) -> None:
        for name in _BESIDE & columns.keys():
            getattr(self.tables, name)[message] = columns[name]


class PostgresDelivery(DeliveryWorld):
    """Over a database of its own, by plain SQL."""

    def __init__(self, url: str, engine: AsyncEngine) -> None:
        super().__init__()
        self.url = url
        self.engine = engine

    @property
    def ticks(self) -> Ticks:
        return PostgresTicks(self.engine, 0)

    def emission(self, offset_seconds: float) -> EmissionUnit:
        return partial(emit.emission, self.engine, offset_seconds, DAYS_BACK)

    def settlements(self) -> SettlementStore:
        return outcomes.PostgresSettlements(self.engine, 0, GAP_DAYS)

    def recovery(self) -> RecoveryUnit:
        return partial(recover.recovery, self.engine, Outbox(), 0)

    async def add_user(self, user: UUID, kind: str, year: int | None, day: date) -> None:
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

    async def add_message(self, row: Row) -> None:
        names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        await self.fetch(f"INSERT INTO messages ({names}) VALUES ({marks})", *row.values())

    async def change(self, message: UUID, **columns: Any) -> None:
        assignments = ", ".join(f"{name} = %s" for name in columns)
        await self.fetch(f"UPDATE messages SET {assignments} WHERE id = %s", *columns.values(), message)

    async def message(self, message: UUID) -> Row:
        [row] = await self.fetch("SELECT * FROM messages WHERE id = %s", message)
        return row

    async def slot(self, user: UUID, kind: str = "birthday") -> tuple[int | None, UUID | None]:
        [row] = await self.fetch("SELECT slot_year, slot_message_id FROM occasions WHERE user_id = %s AND kind = %s", user, kind)
        return row["slot_year"], row["slot_message_id"]

    async def hold(self, user: UUID, year: int, message: UUID) -> None:
        await self.fetch("UPDATE occasions SET slot_year = %s, slot_message_id = %s WHERE user_id = %s", year, message, user)

    async def readdress(self, user: UUID, email: str) -> None:
        await self.fetch("UPDATE recipients SET email = %s WHERE user_id = %s", email, user)

    async def questions(self) -> int:
        return len(await self.fetch("SELECT 1 FROM outbox"))

    async def fetch(self, statement: str, *parameters: object) -> list[Row]:
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            cursor = await connection.execute(statement.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []
