"""Waiting for those who wait."""

import asyncio
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from servicekit.testing import wait_until

_WAITING = text("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())")


async def wait_until_it_waits(engine: AsyncEngine, work: asyncio.Task[Any]) -> None:
    """Return when somebody waits for a lock in this database, or when `work`, which was to do so, is done."""

    async def waits() -> bool:
        async with engine.connect() as connection:
            return work.done() or bool((await connection.execute(_WAITING)).scalar_one())

    await wait_until(waits, timeout_seconds=20, what="a wait for a lock")
