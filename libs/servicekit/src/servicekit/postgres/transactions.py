"""Transactions that say `Unavailable` when the database is, and repeat themselves after a deadlock."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")


def transaction(engine: AsyncEngine) -> AbstractAsyncContextManager[AsyncConnection]:
    """A connection in a transaction: committed when the block ends, rolled back when it raises. A lost or refused connection, a full pool or a
    time-out raises `errors.Unavailable`; after one raised by the commit itself the transaction may have been applied."""
    raise NotImplementedError


async def retrying(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]], *, attempts: int = 5) -> T:
    """Run `work` in a transaction; after a serialization failure (40001) or deadlock (40P01) run it again, with jitter. It must have no effect
    outside of the transaction."""
    raise NotImplementedError


def violated_constraint(error: BaseException) -> str | None:
    """Name of the constraint or unique index that the statement violated; None for any other error."""
    raise NotImplementedError
