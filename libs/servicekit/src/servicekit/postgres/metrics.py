"""What is measured of statements and pools."""

from typing import Any
from weakref import WeakKeyDictionary

import structlog
from prometheus_client import Counter, Gauge, Histogram
from psycopg import AsyncConnection as PsycopgConnection
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from servicekit.clock import perf_counter

STATEMENTS = Counter("database_statements_total", "Statements executed.", ["database"])
SLOW = Counter("database_slow_statements_total", "Statements slower than the setting.", ["database"])
SECONDS = Histogram("database_statement_seconds", "Time of a statement, as the client sees it.", ["database"])
POOL_IN_USE = Gauge("database_pool_connections_in_use", "Connections that are lent out.", ["database"])
POOL_LIMIT = Gauge("database_pool_connections_limit", "Connections that may be open at once.", ["database"])

_log = structlog.get_logger()


class Statements:
    """Counts and times statements; logs the text of slow ones, never their parameters."""

    def __init__(self, database: str, slow_seconds: float) -> None:
        self._count = STATEMENTS.labels(database)
        self._slow = SLOW.labels(database)
        self._seconds = SECONDS.labels(database)
        self._slow_seconds = slow_seconds

    def took(self, text: str, seconds: float) -> None:
        self._count.inc()
        self._seconds.observe(seconds)
        if seconds > self._slow_seconds:
            self._slow.inc()
            _log.warning("database.slow_statement", statement=" ".join(text.split())[:500], milliseconds=round(seconds * 1000))


_statements: WeakKeyDictionary[PsycopgConnection[Any], Statements] = WeakKeyDictionary()


def statements_of(connection: PsycopgConnection[Any]) -> Statements:
    """What measures the statements of a connection of one of our engines, or of any other."""
    return _statements.get(connection) or Statements("other", slow_seconds=0.2)


def measure(engine: Engine, statements: Statements, database: str) -> None:
    _measure_statements(engine, statements)
    pool = _queue_pool(engine)
    POOL_IN_USE.labels(database).set_function(pool.checkedout)
    POOL_LIMIT.labels(database).set(_limit(pool))


def is_full(engine: AsyncEngine) -> bool:
    """Whether every connection the pool may open is lent out."""
    pool = _queue_pool(engine.sync_engine)
    return pool.checkedout() >= _limit(pool)


def _queue_pool(engine: Engine) -> QueuePool:
    assert isinstance(engine.pool, QueuePool)
    return engine.pool


def _limit(pool: QueuePool) -> int:
    return pool.size() + pool._max_overflow


def _measure_statements(engine: Engine, statements: Statements) -> None:
    # SQLAlchemy's hooks have the shapes of its documentation; most arguments are of no use here.
    @event.listens_for(engine, "connect")
    def remember(connection: Any, entry: ConnectionPoolEntry) -> None:
        _statements[connection.driver_connection] = statements

    @event.listens_for(engine, "before_cursor_execute")
    def begin(conn: Any, cursor: DBAPICursor, text: str, parameters: Any, context: ExecutionContext | None, many: bool) -> None:
        conn.info["statement_began"] = perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def end(conn: Any, cursor: DBAPICursor, text: str, parameters: Any, context: ExecutionContext | None, many: bool) -> None:
        statements.took(text, perf_counter() - conn.info.pop("statement_began"))
