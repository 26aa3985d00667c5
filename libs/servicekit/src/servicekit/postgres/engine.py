"""Engines with bounds, time-outs and measurements."""

from datetime import datetime, timedelta

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from servicekit.postgres import patience
from servicekit.postgres.metrics import Statements, is_full, measure
from servicekit.postgres.transactions import transaction
from servicekit.settings import PostgresSettings

_NOW = text("SELECT clock_timestamp()")
#: The server's own word that a statement took too long has to arrive before it is taken to be silent.
_ROOM_FOR_THE_WIRE_SECONDS = 2.0


def create_engine(settings: PostgresSettings, application_name: str) -> AsyncEngine:
    """An engine over psycopg with a bounded pool and time-outs by setting; statements and pool are measured. Connects when first used."""
    known = patience.Patience(application_name, settings.database_statement_timeout_seconds + _ROOM_FOR_THE_WIRE_SECONDS)
    engine = create_async_engine(
        make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg"),
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_overflow,
        pool_timeout=settings.database_pool_timeout_seconds,
        hide_parameters=True,  # errors are logged, and parameters name people
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "async_creator_fn": patience.connecting(known),
            "application_name": application_name,
            "connect_timeout": settings.database_connect_timeout_seconds,
            "options": _server_options(settings),
            "keepalives_idle": 30,
        },
    )
    patience.keep(engine, known)
    measure(engine.sync_engine, Statements(application_name, settings.database_slow_statement_milliseconds / 1000), application_name)
    return engine


async def database_now(connection: AsyncConnection, offset_seconds: float = 0) -> datetime:
    """`clock_timestamp()` moved by the offset: the only clock for leases and due-ness."""
    now: datetime = (await connection.execute(_NOW)).scalar_one()
    return now + timedelta(seconds=offset_seconds)


async def ping(engine: AsyncEngine) -> None:
    """One round trip; raises Unavailable. For `runtime.probe`.

    Where every connection is lent out it returns without one: a busy process is not an unready one, and a dead server fails those soon.
    """
    if is_full(engine):
        return
    async with transaction(engine, is_probe=True) as connection:
        await connection.execute(_NOW)


def _server_options(settings: PostgresSettings) -> str:
    milliseconds = {
        "statement_timeout": settings.database_statement_timeout_seconds * 1000,
        "lock_timeout": settings.database_lock_timeout_seconds * 1000,
        "idle_in_transaction_session_timeout": settings.database_idle_in_transaction_seconds * 1000,
    }
    return " ".join(f"-c {name}={int(value)}" for name, value in milliseconds.items()) + " -c timezone=UTC"
