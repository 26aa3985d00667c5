"""How long a server is waited for, and what is known of one that has gone silent.

`statement_timeout` is kept by the server. One that hangs, or whose machine is gone without a word, keeps none, and TCP alone would
wait for a quarter of an hour.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
import structlog
from psycopg.abc import RV, PQGen
from sqlalchemy.ext.asyncio import AsyncEngine

from servicekit import grpc_context
from servicekit.clock import monotonic
from servicekit.errors import Unavailable

#: A silent server that nobody probes is tried this often.
TRY_EVERY_SECONDS = 5.0
#: Even a call with hardly any time left waits this long: a busy process is no silent server. It is all that a call gives a silent one.
SHORTEST_WAIT_SECONDS = 2.0

_log = structlog.get_logger()


class DatabaseUnavailable(Unavailable):
    """The database does not answer: try again shortly."""


class Patience:
    """What the connections of one engine know of their server.

    Silent is a server that has answered nobody while somebody's time ran out. Until it answers it is tried by probes, or by one caller
    in a while; whoever else comes is refused at once instead of waiting too.
    """

    def __init__(self, database: str, answer_seconds: float) -> None:
        self._database = database
        self._answer_seconds = answer_seconds
        self._answered_at = monotonic()
        self._is_silent = False
        self._next_try_at = 0.0

    def enter(self, *, to_try: bool) -> None:
        """Raise DatabaseUnavailable while the server is silent, unless it is to be tried or has not been for a while."""
        if not self._is_silent:
            return
        now = monotonic()
        if now < self._next_try_at and not to_try:
            raise DatabaseUnavailable
        self._next_try_at = now + TRY_EVERY_SECONDS

    def seconds(self) -> float:
        """How long to wait for an answer. A call that is served waits half of its time: its caller shall hear why, not run out of time."""
        left = grpc_context.current().seconds_left()
        if left is None:  # Nobody is kept waiting; and somebody must have the patience to find a slow server alive.
            return self._answer_seconds
        return min(self._answer_seconds, SHORTEST_WAIT_SECONDS if self._is_silent else max(left / 2, SHORTEST_WAIT_SECONDS))

    def answered(self) -> None:
        self._answered_at = monotonic()
        if self._is_silent:
            self._is_silent = False
            _log.info("database.answers_again", database=self._database)

    def ran_out(self, began: float) -> None:
        """Somebody who has waited since `began` has given up."""
        if self._answered_at < began and not self._is_silent:
            self._is_silent = True
            self._next_try_at = monotonic() + TRY_EVERY_SECONDS
            _log.warning("database.silent", database=self._database, seconds=round(monotonic() - began, 1))


class PatientConnection(psycopg.AsyncConnection[Any]):
    """Closes itself when an answer does not come in time: whatever came later would answer another question."""

    patience: Patience  # set before anybody else sees the connection

    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        began = monotonic()
        try:
            answer = await super().wait(gen, interval, self.patience.seconds() if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.patience.ran_out(began)
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time") from error
        self.patience.answered()
        return answer


def connecting(patience: Patience) -> Callable[..., Awaitable[PatientConnection]]:
    """Return what opens the connections of an engine."""

    async def connect(*args: Any, **kwargs: Any) -> PatientConnection:
        began = monotonic()
        try:
            async with asyncio.timeout(patience.seconds()):
                connection = await PatientConnection.connect(*args, **kwargs)
        except (psycopg.errors.ConnectionTimeout, TimeoutError):
            patience.ran_out(began)
            raise
        connection.patience = patience
        patience.answered()
        return connection

    return connect


def keep(engine: AsyncEngine, patience: Patience) -> None:
    """Let `enter` know what the engine's connections know."""
    _patience[engine] = patience


def enter(engine: AsyncEngine, *, to_try: bool) -> None:
    """`Patience.enter` of an engine that has one."""
    if engine in _patience:
        _patience[engine].enter(to_try=to_try)


_patience: WeakKeyDictionary[AsyncEngine, Patience] = WeakKeyDictionary()
