"""The way below SQLAlchemy, for statements that carry hundreds of rows."""

import struct
from typing import Any, Self

from psycopg import AsyncConnection as PsycopgConnection
from psycopg import AsyncCursor
from psycopg.abc import Buffer, Params
from psycopg.adapt import Loader
from psycopg.pq import Format
from sqlalchemy.ext.asyncio import AsyncConnection

from servicekit.clock import perf_counter
from servicekit.postgres.binary import POSTGRES_EPOCH_MICROSECONDS
from servicekit.postgres.metrics import statements_of

_INT64 = struct.Struct("!q")


class BinaryCursor(AsyncCursor[Any]):
    """Binary results; a uuid is 16 bytes, a timestamptz Unix microseconds (int). Counted and timed like other statements."""

    def __init__(self, connection: PsycopgConnection[Any]) -> None:
        super().__init__(connection)
        self.format = Format.BINARY
        self.adapters.register_loader("uuid", _UuidBytesLoader)
        self.adapters.register_loader("timestamptz", _MicrosecondsLoader)
        self._statements = statements_of(connection)

    async def execute(self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None) -> Self:
        began = perf_counter()
        try:
            return await super().execute(query, params, prepare=prepare, binary=binary)
        finally:
            self._statements.took(str(query), perf_counter() - began)


async def raw(connection: AsyncConnection) -> PsycopgConnection[Any]:
    """The psycopg connection below, in the same transaction: for COPY, pipelines and binary arrays. Do not commit or close it.

    The transaction must have begun, as it has within `transaction` and `retrying`.
    """
    driver: PsycopgConnection[Any] = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment] # SQLAlchemy knows no drivers
    return driver


def binary_cursor(connection: PsycopgConnection[Any]) -> BinaryCursor:
    """A cursor for hot statements, on the connection that `raw` gives."""
    return BinaryCursor(connection)


class _UuidBytesLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class _MicrosecondsLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        value: int = _INT64.unpack(data)[0]
        return value + POSTGRES_EPOCH_MICROSECONDS
