"""Questions of people, answered from the ledger."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from notifier_service.adapters.postgres.entries import COLUMNS, entry_of
from notifier_service.adapters.postgres.results import DEAD_LETTER_COLUMNS
from notifier_service.domain import Attempt, DeadLetter, Entry, State, Tried
from notifier_service.ports import Page
from servicekit.postgres import BinaryCursor, binary_cursor, instant, raw, transaction

_DELIVERY = f"SELECT {COLUMNS} FROM deliveries WHERE id = %s::uuid AND local_date = %s"
_ATTEMPTS = """
SELECT number, revision, fence, result, provider, reason, calls, dispatched_at, responded_at
FROM attempts WHERE id = %s::uuid AND local_date = %s ORDER BY fence
"""
_DEAD_LETTER = f"SELECT {DEAD_LETTER_COLUMNS} FROM dead_letters WHERE id = %s::uuid"

# An id begins with its local date, so that the order of ids is that of dates, and the last id seen bounds the months to look into.
_DELIVERIES = f"SELECT {COLUMNS} FROM deliveries WHERE {{}} ORDER BY id DESC LIMIT %(size)s"
_DEAD_LETTERS = f"SELECT {DEAD_LETTER_COLUMNS} FROM dead_letters WHERE {{}} ORDER BY created_at DESC, id DESC LIMIT %(size)s"
_ON_THEIR_WAY = frozenset({State.CLAIMED, State.RELEASED, State.SENT})


class PostgresDeliveryReader:
    """The DeliveryReader port."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def delivery(self, id_: bytes, local_date: date) -> Entry | None:
        rows = await self._rows(_DELIVERY, (id_.hex(), local_date))
        return entry_of(rows[0]) if rows else None

    async def attempts(self, id_: bytes, local_date: date) -> list[Attempt]:
        rows = await self._rows(_ATTEMPTS, (id_.hex(), local_date))
        return [Attempt(*row[:3], Tried(row[3]), *row[4:]) for row in rows]  # type: ignore[call-arg] # as many as are selected

    async def deliveries(self, page: Page, user_id: bytes | None, state: State | None) -> list[Entry]:
        conditions = ["true"]
        parameters: dict[str, Any] = {"size": page.size}
        if page.after:
            conditions += ["id < %(after)s::uuid", "local_date <= %(date)s::date"]
            parameters |= {"after": page.after[0], "date": page.after[0][:8]}
        if user_id is not None:
            conditions.append("user_id = %(user)s::uuid")
            parameters["user"] = user_id.hex()
        if state is not None:
            conditions.append("state = %(state)s" if state in _ON_THEIR_WAY else "exception_state = %(state)s")
            parameters["state"] = state.value
        return [entry_of(row) for row in await self._rows(_DELIVERIES.format(" AND ".join(conditions)), parameters)]

    async def dead_letter(self, id_: bytes) -> DeadLetter | None:
        rows = await self._rows(_DEAD_LETTER, (id_.hex(),))
        return DeadLetter(*rows[0]) if rows else None

    async def list_dead_letters(self, page: Page, user_id: bytes | None, reason: str) -> list[DeadLetter]:
        conditions = ["true"]
        parameters: dict[str, Any] = {"size": page.size}
        if page.after:
            conditions.append("(created_at, id) < (%(after)s, %(id)s::uuid)")
            parameters |= {"after": instant(int(page.after[0])), "id": page.after[1]}
        if user_id is not None:
            conditions.append("user_id = %(user)s::uuid")
            parameters["user"] = user_id.hex()
        if reason:
            conditions.append("reason = %(reason)s")
            parameters["reason"] = reason
        return [DeadLetter(*row) for row in await self._rows(_DEAD_LETTERS.format(" AND ".join(conditions)), parameters)]

    async def _rows(self, query: str, parameters: Any) -> Sequence[Any]:
        async with transaction(self._engine) as connection:
            cursor: BinaryCursor = binary_cursor(await raw(connection))
            await cursor.execute(query, parameters)
            return await cursor.fetchall()
