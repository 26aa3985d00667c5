"""The ledger in Postgres."""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from notifier_service import metrics
from notifier_service.adapters.postgres import entries, results
from notifier_service.domain import (
    Cancellation,
    Conclusion,
    DeadLetter,
    Due,
    Entry,
    Judgement,
    Outcome,
    State,
    Terms,
    Verdict,
    cancel,
    judge,
)
from notifier_service.ports import Claims
from servicekit.postgres import UuidArray, binary_cursor, raw, retrying, transaction

_DEAD_LETTERS = f"SELECT {results.DEAD_LETTER_COLUMNS} FROM dead_letters WHERE id = ANY(%s::uuid[])"


class PostgresLedger:
    """The Ledger port. Nearly all records meet no row: all are judged so and inserted; those that met one are locked and judged again."""

    def __init__(self, engine: AsyncEngine, terms: Terms, clock_offset_seconds: float = 0) -> None:
        self._engine = engine
        self._terms = terms
        self._offset_seconds = clock_offset_seconds

    async def claim(self, dues: Sequence[Due]) -> Claims:
        with metrics.CLAIM_SECONDS.time():
            return await retrying(self._engine, partial(self._claim, dues))

    async def record(self, conclusions: Sequence[Conclusion]) -> frozenset[bytes]:
        metrics.RECORD_SIZE.observe(len(conclusions))
        with metrics.RECORD_SECONDS.time():
            return await retrying(self._engine, partial(self._record, sorted(conclusions, key=lambda each: each.entry.id)))

    async def cancel(self, cancellations: Sequence[Cancellation]) -> list[Outcome]:
        return await retrying(self._engine, partial(self._cancel, cancellations))

    async def dead_letters(self, ids: Sequence[bytes]) -> list[DeadLetter]:
        async with transaction(self._engine) as connection:
            cursor = binary_cursor(await raw(connection))
            await cursor.execute(_DEAD_LETTERS, (UuidArray(ids),))
            return [DeadLetter(*row) for row in await cursor.fetchall()]

    async def _claim(self, dues: Sequence[Due], connection: AsyncConnection) -> Claims:
        cursor = binary_cursor(await raw(connection))
        now_us, fence = await entries.open_batch(cursor, self._offset_seconds)
        judged = {due.id: judge(None, due, now_us, fence, self._terms) for due in dues}
        fresh = [judgement.entry for judgement in judged.values() if judgement.entry and judgement.written]
        inserted = await entries.insert(cursor, sorted(fresh, key=_by_id))
        met = {due.id: due for due in dues if due.id not in inserted}
        known = await entries.lock(cursor, {id_: due.local_date for id_, due in met.items()})
        again = {id_: judge(entry, met[id_], now_us, fence, self._terms) for id_, entry in known.items()}
        changed = [judgement.entry for judgement in again.values() if judgement.entry and judgement.written]
        await entries.write(cursor, sorted(changed, key=_by_id))
        await results.forget_dead_letters(cursor, [entry.id for entry in changed if known[entry.id].state is State.FAILED])
        # A row that was there for the insert and is gone for the lock (its month was just retired) is looked up again.
        gone = {id_: Judgement(Verdict.WAIT) for id_ in met if id_ not in known and judged[id_].written}
        judged |= again | gone
        return Claims(now_us, [judged[due.id] for due in dues])

    async def _record(self, conclusions: Sequence[Conclusion], connection: AsyncConnection) -> frozenset[bytes]:
        cursor = binary_cursor(await raw(connection))
        written = await results.record_entries(cursor, conclusions, self._offset_seconds)
        valid = written.keys() | results.facts(conclusions)
        await results.insert_attempts(cursor, [each for each in conclusions if each.entry.id in valid])
        letters = [each.dead_letter for each in conclusions if each.dead_letter and each.entry.id in written]
        await results.insert_dead_letters(cursor, letters)
        await results.forget_dead_letters(cursor, [id_ for id_, had_failed in written.items() if had_failed])
        return frozenset(valid)

    async def _cancel(self, cancellations: Sequence[Cancellation], connection: AsyncConnection) -> list[Outcome]:
        cursor = binary_cursor(await raw(connection))
        now_us, fence = await entries.open_batch(cursor, self._offset_seconds)
        by_id = {asked.id: asked for asked in cancellations}
        fresh = {id_: cancel(None, asked, now_us, fence) for id_, asked in by_id.items()}
        inserted = await entries.insert(cursor, sorted((entry for entry, _ in fresh.values()), key=_by_id))
        known = await entries.lock(cursor, {id_: by_id[id_].local_date for id_ in by_id.keys() - inserted})
        again = {id_: cancel(entry, by_id[id_], now_us, fence) for id_, entry in known.items()}
        await entries.write(cursor, sorted((entry for entry, _ in again.values()), key=_by_id))
        return [outcome for _, outcome in (fresh | again).values() if outcome]


_by_id: Callable[[Entry], bytes] = lambda entry: entry.id  # noqa: E731
