"""Runs of jobs, each under a lease by the database's clock."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncEngine

from scheduler_service.domain import JobRun, RunResult
from servicekit.postgres import database_now, raw, transaction

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('heyday.tick.' || %(job)s, 0))"

_ALIVE = """
SELECT 1 FROM ticks
WHERE job = %(job)s AND finished_at IS NULL AND lease_until_at > clock_timestamp() + make_interval(secs => %(offset)s)
"""

# A tick that has failed is open again.
_ACQUIRE = """
INSERT INTO ticks AS t (job, tick_at, holder, lease_until_at, started_at, manual)
SELECT %(job)s, %(tick)s, %(holder)s, clock.at + %(lease)s, clock.at, %(manual)s
FROM (SELECT clock_timestamp() + make_interval(secs => %(offset)s) AS at) AS clock
ON CONFLICT (job, tick_at) DO UPDATE
SET holder = excluded.holder, lease_until_at = excluded.lease_until_at, started_at = excluded.started_at,
    finished_at = NULL, result = 'RUNNING', error = ''
WHERE t.finished_at IS NULL OR t.result = 'FAILED'
RETURNING 1
"""

_RENEW = """
UPDATE ticks SET lease_until_at = clock_timestamp() + make_interval(secs => %(offset)s) + %(lease)s
WHERE job = %(job)s AND tick_at = %(tick)s AND holder = %(holder)s AND finished_at IS NULL
RETURNING 1
"""

_FINISH = """
UPDATE ticks
SET finished_at = clock_timestamp() + make_interval(secs => %(offset)s), result = %(result)s, counts = %(counts)s, error = %(error)s
WHERE job = %(job)s AND tick_at = %(tick)s AND holder = %(holder)s AND finished_at IS NULL
"""

_LAST_TICK = """
SELECT max(tick_at) FROM ticks
WHERE job = %(job)s
  AND (result = 'SUCCEEDED' OR (result = 'RUNNING' AND lease_until_at > clock_timestamp() + make_interval(secs => %(offset)s)))
"""

_LAST_SUCCESS = "SELECT started_at FROM ticks WHERE job = %(job)s AND result = 'SUCCEEDED' ORDER BY tick_at DESC LIMIT 1"

_LAST_RUNS = """
SELECT DISTINCT ON (job) job, tick_at, started_at, finished_at, result, counts, error, manual
FROM ticks WHERE job = ANY(%(jobs)s) ORDER BY job, started_at DESC
"""

_FORGET = """
DELETE FROM ticks t
WHERE started_at < clock_timestamp() + make_interval(secs => %(offset)s) - %(age)s
  AND EXISTS (SELECT 1 FROM ticks later WHERE later.job = t.job AND later.tick_at > t.tick_at AND later.result = 'SUCCEEDED')
RETURNING 1
"""


class PostgresTicks:
    """The Ticks port; each call is a transaction of its own."""

    def __init__(self, engine: AsyncEngine, offset_seconds: float) -> None:
        self._engine = engine
        self._offset = offset_seconds

    async def now(self) -> datetime:
        async with transaction(self._engine) as connection:
            return await database_now(connection, self._offset)

    async def acquire(self, job: str, tick_at: datetime, holder: str, lease: timedelta, *, manual: bool = False) -> bool:
        parameters = {"job": job, "tick": tick_at, "holder": holder, "lease": lease, "manual": manual, "offset": self._offset}
        async with transaction(self._engine) as connection:
            psycopg = await raw(connection)
            await psycopg.execute(_ONE_AT_A_TIME, parameters)
            if await (await psycopg.execute(_ALIVE, parameters)).fetchone():
                return False
            return await (await psycopg.execute(_ACQUIRE, parameters)).fetchone() is not None

    async def renew(self, job: str, tick_at: datetime, holder: str, lease: timedelta) -> bool:
        return bool(await self._run(_RENEW, {"job": job, "tick": tick_at, "holder": holder, "lease": lease}))

    async def finish(self, job: str, tick_at: datetime, holder: str, counts: Mapping[str, int], error: str = "") -> None:
        result = RunResult.FAILED if error else RunResult.SUCCEEDED
        written = {"result": str(result), "counts": Jsonb(dict(counts)), "error": error}
        await self._run(_FINISH, {"job": job, "tick": tick_at, "holder": holder} | written)

    async def last_tick(self, job: str) -> datetime | None:
        rows = await self._run(_LAST_TICK, {"job": job})
        return rows[0][0] if rows else None

    async def last_success(self, job: str) -> datetime | None:
        rows = await self._run(_LAST_SUCCESS, {"job": job})
        return rows[0][0] if rows else None

    async def last_runs(self, jobs: Collection[str]) -> dict[str, JobRun]:
        rows = await self._run(_LAST_RUNS, {"jobs": list(jobs)})
        return {job: JobRun(tick, started, finished, RunResult(result), *rest) for job, tick, started, finished, result, *rest in rows}

    async def forget(self, older_than: timedelta) -> int:
        return len(await self._run(_FORGET, {"age": older_than}))

    async def _run(self, statement: str, parameters: dict[str, Any]) -> list[Any]:
        async with transaction(self._engine) as connection:
            cursor = await (await raw(connection)).execute(statement, parameters | {"offset": self._offset})
            return await cursor.fetchall() if cursor.description else []
