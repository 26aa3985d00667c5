"""A transactional outbox: rows written with the change they tell of, relayed to Kafka in the order of their key."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from servicekit.kafka import Producer, Record
from servicekit.runtime import Component


@dataclass(frozen=True, slots=True)
class Outbox:
    """A table of records that wait for their relay. `table` may carry a schema; the number of shards is fixed with the first row."""

    table: str = "outbox"
    shards: int = 16

    def create_statements(self) -> list[str]:
        """DDL for a migration: `for s in Outbox().create_statements(): op.execute(s)`."""
        raise NotImplementedError

    async def add(self, connection: AsyncConnection, records: Sequence[Record]) -> None:
        """Write `records` in the connection's transaction, in one statement. Rows of one key are relayed in the order they were added,
        provided that the transaction holds a lock which all writers of that key take first."""
        raise NotImplementedError


class Relay(Component):
    """Produces outbox rows and deletes them once acknowledged. Several replicas may run: an advisory lock per shard keeps one at work.

    A key's next row leaves only after its earlier one is acknowledged, so a crash repeats records and never reorders them.
    """

    def __init__(self, engine: AsyncEngine, outbox: Outbox, producer: Producer, *, batch: int = 1000, poll_seconds: float = 1.0) -> None:
        raise NotImplementedError

    def wake(self) -> None:
        """Look for rows now: call after a commit that added some. Without it they leave within `poll_seconds`."""
        raise NotImplementedError
