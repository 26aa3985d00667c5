"""Engines with bounds, time-outs and measurements."""

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection as PsycopgConnection
from psycopg import AsyncCursor
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from servicekit.settings import PostgresSettings


def create_engine(settings: PostgresSettings, application_name: str) -> AsyncEngine:
    """An engine over psycopg with a bounded pool and time-outs by setting; its statements and pool are measured. Connects when first used."""
    raise NotImplementedError


async def raw(connection: AsyncConnection) -> PsycopgConnection[Any]:
    """The psycopg connection below, in the same transaction: for COPY, pipelines and binary arrays. Do not commit or close it."""
    raise NotImplementedError


def binary_cursor(connection: PsycopgConnection[Any]) -> AsyncCursor[Any]:
    """A cursor for hot statements: binary results, uuid as 16 bytes, timestamptz as Unix microseconds (int). Counted like other statements."""
    raise NotImplementedError


async def database_now(connection: AsyncConnection, offset_seconds: float) -> datetime:
    """`clock_timestamp()` moved by the offset: the only clock for leases and due-ness."""
    raise NotImplementedError


async def ping(engine: AsyncEngine) -> None:
    """One round trip; raises Unavailable. For `runtime.probe`."""
    raise NotImplementedError
