"""Months of the ledger: made ahead, and retired."""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from notifier_service import metrics
from servicekit.postgres import database_now, transaction

# With the storage parameters of their partitions: room in the page for the update that ends a claim.
TABLES = {"deliveries": "WITH (fillfactor = 50)", "attempts": ""}
MONTHS_BACK = 2
MONTHS_AHEAD = 3

_ALONE = text("SELECT pg_advisory_xact_lock(hashtext('notifier partitions'))")
_NAMES = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass)")
_FORGET = text("DELETE FROM dead_letters WHERE local_date < :day")


class Partitions:
    """Keeps the months from two ago to three ahead, and drops those wholly older than the retention. Any replica may, at any time."""

    def __init__(self, engine: AsyncEngine, retention_days: int, clock_offset_seconds: float = 0) -> None:
        self._engine = engine
        self._retention = timedelta(days=retention_days)
        self._offset_seconds = clock_offset_seconds

    async def keep(self) -> None:
        for table, storage in TABLES.items():
            async with transaction(self._engine) as connection:
                await connection.execute(_ALONE)
                today = (await database_now(connection, self._offset_seconds)).date()
                names = set((await connection.execute(_NAMES, {"table": table})).scalars())
                await self._make(connection, table, storage, today, names)
                await self._retire(connection, table, today - self._retention, names)
                metrics.DEFAULT_PARTITION_ROWS.labels(table).set(await _exists(connection, f"SELECT FROM {table}_default"))

    async def _make(self, connection: AsyncConnection, table: str, storage: str, today: date, names: set[str]) -> None:
        for months in range(-MONTHS_BACK, MONTHS_AHEAD + 1):
            first, after = month(today, months), month(today, months + 1)
            name = f"{table}_{first:%Y_%m}"
            # Rows that fell into the default partition stand in their month's way; it holds them as well, and raises the alert.
            strays = f"SELECT FROM {table}_default WHERE local_date >= '{first}' AND local_date < '{after}'"
            if name not in names and not await _exists(connection, strays):
                bounds = f"FOR VALUES FROM ('{first}') TO ('{after}')"
                await connection.execute(text(f"CREATE TABLE {name} PARTITION OF {table} {bounds} {storage}"))

    async def _retire(self, connection: AsyncConnection, table: str, oldest_kept: date, names: set[str]) -> None:
        for name in sorted(names - {f"{table}_default"}):
            if name < f"{table}_{oldest_kept:%Y_%m}":
                await connection.execute(text(f"DROP TABLE {name}"))
        await connection.execute(_FORGET, {"day": oldest_kept.replace(day=1)})


async def _exists(connection: AsyncConnection, query: str) -> bool:
    return bool((await connection.execute(text(f"SELECT EXISTS ({query})"))).scalar_one())


def month(day: date, months: int) -> date:
    """The first day of the month so many months after that of `day`."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
