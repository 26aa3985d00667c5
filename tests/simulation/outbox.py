"""The outboxes: servicekit's own relay, with its three statements over memory, and a server that ends transactions which idle."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, cast

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from servicekit.kafka import Producer
from servicekit.outbox import Outbox, Relay, _Row
from servicekit.postgres import DatabaseUnavailable
from simulation.chance import Chance
from simulation.processes import Pulse, until_set
from simulation.virtual import VirtualClock

IDLE_SECONDS = 20.0
POLL_SECONDS = 1.0


class Rows(Protocol):
    """What waits in an outbox."""

    def any(self) -> bool:
        """Whether a look is worth it: what is about to be committed counts."""

    async def read(self) -> Sequence[_Row]:
        """What is committed, in the order of the ids."""

    async def delete(self, ids: Collection[int]) -> None: ...


class OutboxTable:
    """An outbox that the relays of all replicas share, with its locks. It stands for the engine, too."""

    def __init__(self, name: str, rows: Rows, clock: VirtualClock) -> None:
        self.name = name
        self.rows = rows
        self._clock = clock
        self.holders: dict[int, Transaction] = {}
        #: Rows were committed. It stands for the poll as well, which finds them a little later.
        self.news = Pulse()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["Transaction"]:
        transaction = Transaction(self, self._clock)
        try:
            yield transaction
            transaction.go_on()
        finally:
            transaction.ended = True


class Transaction:
    """Ends by itself when it idles: its locks are free from then on, whatever its client is about to do."""

    def __init__(self, table: OutboxTable, clock: VirtualClock) -> None:
        self.table = table
        self._clock = clock
        self._idle_since = clock.monotonic()
        self.ended = False

    @property
    def holds(self) -> bool:
        return not self.ended and self._clock.monotonic() - self._idle_since < IDLE_SECONDS

    def go_on(self) -> None:
        """The client's next statement."""
        if not self.holds:
            raise DatabaseUnavailable
        self._idle_since = self._clock.monotonic()


class SimulatedRelay(Relay):
    """One replica's relay."""

    def __init__(self, table: OutboxTable, producer: Producer, chance: Chance) -> None:
        super().__init__(cast(AsyncEngine, table), Outbox(table.name), producer)
        self._table = table
        self._chance = chance

    async def round(self) -> None:
        """Relay all there is, and wait for more."""
        news = self._table.news.next()
        while self._table.rows.any() and await self.relay_batch():
            pass
        await until_set(news, POLL_SECONDS if self._table.rows.any() else None)

    async def _lock_shards(self, connection: AsyncConnection) -> list[int]:
        transaction = _transaction(connection)
        holders = self._table.holders
        free = [shard for shard in range(self._outbox.shards) if shard not in holders or not holders[shard].holds]
        holders.update(dict.fromkeys(free, transaction))
        return free

    async def _read(self, connection: AsyncConnection, shards: list[int]) -> list[_Row]:
        await self._chance.before(f"{self._table.name}.read")
        _transaction(connection)
        rows = [row for row in await self._table.rows.read() if self._outbox.shard(row.record.key) in shards]
        return rows[: self._batch]

    async def _delete(self, connection: AsyncConnection, rows: Sequence[_Row]) -> None:
        await self._chance.before(f"{self._table.name}.delete")
        _transaction(connection)
        await self._table.rows.delete({row.id for row in rows})
        await self._chance.after(f"{self._table.name}.delete")


def _transaction(connection: AsyncConnection) -> Transaction:
    transaction = cast(Transaction, connection)
    transaction.go_on()
    return transaction
