"""The PlanStore port."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from psycopg import AsyncConnection as PsycopgConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from scheduler_service.adapters.postgres import partitions, plan, recipients
from scheduler_service.adapters.postgres.basis import PostgresBasisUnit
from scheduler_service.adapters.postgres.ways import BY_HASH, BY_HASH_ALONE, BY_ROW
from scheduler_service.domain import DayInstant, KindRules, Recipient, Shift, Slice, Slot
from servicekit.outbox import Outbox
from servicekit.postgres import database_now, raw, retrying, transaction

T = TypeVar("T")

_AFTER = f"""
SELECT {recipients.COLUMNS} FROM recipients
WHERE user_id > %s AND NOT deleted AND NOT erased
ORDER BY user_id LIMIT %s FOR SHARE
"""


class PostgresPlanStore:
    """The plan of all users in Postgres."""

    def __init__(self, engine: AsyncEngine, outbox: Outbox, offset_seconds: float) -> None:
        self._engine = engine
        self._outbox = outbox
        self._offset = offset_seconds

    async def now(self) -> datetime:
        async with transaction(self._engine) as connection:
            return await database_now(connection, self._offset)

    async def make_partitions(self, first: date, months: int) -> int:
        return await self._run(lambda connection, _: partitions.make(connection, first, months))

    async def retire_partitions(self, before: date) -> int:
        return await self._run(lambda connection, _: partitions.retire(connection, before))

    async def rows_in_default_partition(self) -> int:
        return await self._run(lambda connection, _: partitions.default_rows(connection))

    async def change_basis(self, work: Callable[[PostgresBasisUnit], Awaitable[T]]) -> T:
        return await retrying(self._engine, lambda connection: work(PostgresBasisUnit(connection, self._outbox, self._offset)))

    async def fill_slots(self, after: UUID | None, limit: int, make: Callable[[Recipient], Sequence[Slot]]) -> UUID | None:
        async def fill(connection: PsycopgConnection, _: datetime) -> UUID | None:
            rows = await (await connection.execute(_AFTER, [after or plan.NOBODY, limit])).fetchall()
            known = await recipients.lock_slots(connection, [row[0] for row in rows])
            made = [slot for row in rows for slot in make(recipients.recipient_of(row))]
            await recipients.save_slots(connection, [_holding(slot, known) for slot in made])
            return rows[-1][0] if rows else None

        return await self._run(fill)

    async def shifts(self, kind: str, instants: Sequence[DayInstant]) -> list[Shift]:
        return await self._run(lambda connection, now: plan.shifts(connection, kind, instants, now), BY_HASH_ALONE)

    async def move(self, kind: str, instants: Sequence[DayInstant]) -> int:
        return await self._run(lambda connection, now: plan.move(connection, kind, instants, now), BY_HASH)

    async def slices(self, rules: KindRules, instants: Sequence[DayInstant], slots: int) -> list[Slice]:
        return await self._run(lambda connection, _: plan.slices(connection, rules.occasion.name, instants, slots))

    async def plan(self, rules: KindRules, batch: Sequence[Slice]) -> int:
        return await self._run(lambda connection, now: plan.plan(connection, rules, batch, now))

    async def _run(self, work: "Callable[[PsycopgConnection, datetime], Awaitable[T]]", tune: str = BY_ROW) -> T:
        async def run(connection: AsyncConnection) -> T:
            psycopg = await raw(connection)
            await psycopg.execute(tune)
            return await work(psycopg, await database_now(connection, self._offset))

        return await retrying(self._engine, run)


def _holding(slot: Slot, known: dict[UUID, dict[str, Slot]]) -> Slot:
    was = known.get(slot.user_id, {}).get(slot.kind)
    return slot if was is None else slot.holding(was.slot_year, was.slot_message_id)
