"""Transactions that say `Unavailable` when the database is, and repeat themselves after a deadlock."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg
import stamina
from psycopg import errors as postgres_errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from servicekit.postgres import patience
from servicekit.postgres.patience import DatabaseUnavailable

T = TypeVar("T")

_REPEATABLE = (postgres_errors.SerializationFailure, postgres_errors.DeadlockDetected)
_OUT_OF_REACH = (psycopg.OperationalError, psycopg.InterfaceError)
#: Also OperationalErrors by class, but about one statement, not about the server.
_ABOUT_THE_STATEMENT = (*_REPEATABLE, postgres_errors.DiskFull, postgres_errors.ProgramLimitExceeded)


@asynccontextmanager
async def transaction(engine: AsyncEngine, *, is_probe: bool = False) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction: committed when the block ends, rolled back when it raises.

    A lost or refused connection, a full pool or a time-out raises `DatabaseUnavailable`, a server known to be silent at once unless this is
    a probe; after one raised by the commit itself the transaction may have been applied.
    """
    patience.enter(engine, to_try=is_probe)
    try:
        async with engine.begin() as connection:
            yield connection
    except (DBAPIError, psycopg.Error, PoolTimeout, OSError) as error:
        if is_unavailable(error):
            raise DatabaseUnavailable from error
        raise


async def retrying(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]], *, attempts: int = 5) -> T:
    """Run `work` in a transaction; after a serialization failure (40001) or deadlock (40P01) run it again, with jitter.

    `work` must have no effect outside of the transaction.
    """
    async for attempt in stamina.retry_context(on=_is_repeatable, attempts=attempts, wait_initial=0.01, wait_max=0.5, wait_jitter=0.1):
        with attempt:
            async with transaction(engine) as connection:
                return await work(connection)
    raise AssertionError("stamina raises the last error itself")


def violated_constraint(error: BaseException) -> str | None:
    """Name of the constraint or unique index that the statement violated; None for any other error."""
    cause = _driver_error(error)
    return cause.diag.constraint_name if isinstance(cause, psycopg.errors.IntegrityError) else None


def is_unavailable(error: BaseException) -> bool:
    """Whether the error is about reaching the server, not about what was asked of it."""
    cause = _driver_error(error)
    if isinstance(cause, PoolTimeout | OSError):
        return True
    return isinstance(cause, _OUT_OF_REACH) and not isinstance(cause, _ABOUT_THE_STATEMENT)


def _is_repeatable(error: Exception) -> bool:
    return isinstance(_driver_error(error), _REPEATABLE)


def _driver_error(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
