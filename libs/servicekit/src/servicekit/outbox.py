"""A transactional outbox: rows written with the change they tell of, relayed to Kafka in the order of their key."""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client import Counter, Gauge
from psycopg.types.json import Jsonb
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from servicekit import failpoint
from servicekit.clock import monotonic
from servicekit.kafka import Producer, Record
from servicekit.loops import Loop, pause
from servicekit.postgres import transaction

RELAYED = Counter("outbox_relayed_rows_total", "Outbox rows acknowledged by Kafka and deleted.", ["table"])
OLDEST = Gauge("outbox_oldest_row_seconds", "Age of the oldest outbox row this relay saw at its last look; 0: none.", ["table"])


#: The server ends a transaction that idles for 20 s and so frees its locks. A relay that stood still must then not go on with what it read:
#: it produces nothing later than this after locking, and an acknowledgement takes 10 s at most.
LOCK_TRUSTED_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Outbox:
    """A table of records that wait for their relay. `table` may carry a schema; the number of shards never changes once there are rows."""

    table: str = "outbox"
    shards: int = 16

    def create_statements(self) -> list[str]:
        """DDL for a migration: `for s in Outbox().create_statements(): op.execute(s)`."""
        index = self.table.replace(".", "_") + "_shard_id"
        return [
            f"""CREATE TABLE {self.table} (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                shard smallint NOT NULL,
                topic text NOT NULL,
                key bytea NOT NULL,
                payload bytea NOT NULL,
                headers jsonb NOT NULL DEFAULT '[]',
                created_at timestamptz NOT NULL DEFAULT clock_timestamp())""",
            f"CREATE INDEX {index} ON {self.table} (shard, id)",
        ]

    async def add(self, connection: AsyncConnection, records: Sequence[Record]) -> None:
        """Write `records` in the connection's transaction, in one statement.

        Rows of one key are relayed in the order they were added, provided that the transaction holds a lock which all writers of that key
        take before they add.
        """
        if not records:
            return
        columns = {
            "shards": [self.shard(record.key) for record in records],
            "topics": [record.topic for record in records],
            "keys": [record.key for record in records],
            "payloads": [record.value for record in records],
            "headers": [Jsonb([[name, value.hex()] for name, value in record.headers]) for record in records],
        }
        await connection.execute(self._insert(), columns)

    def shard(self, key: bytes) -> int:
        return zlib.crc32(key) % self.shards

    def _insert(self) -> TextClause:
        return text(
            f"""INSERT INTO {self.table} (shard, topic, key, payload, headers)
            SELECT shard, topic, key, payload, headers
            FROM unnest(CAST(:shards AS smallint[]), CAST(:topics AS text[]), CAST(:keys AS bytea[]), CAST(:payloads AS bytea[]),
                        CAST(:headers AS jsonb[])) WITH ORDINALITY AS rows (shard, topic, key, payload, headers, position)
            ORDER BY position"""
        )


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    record: Record


class Relay:
    """A Component that produces outbox rows and deletes them once acknowledged.

    Several replicas may run: an advisory lock per shard keeps one at work. A key's next row leaves only after its earlier one is
    acknowledged, so a crash repeats records and never reorders them. When Kafka or the database is away, it tries again with backoff.
    """

    def __init__(self, engine: AsyncEngine, outbox: Outbox, producer: Producer, *, batch: int = 1000, poll_seconds: float = 1.0) -> None:
        self.name = f"outbox-relay {outbox.table}"
        self._engine = engine
        self._outbox = outbox
        self._producer = producer
        self._batch = batch
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()
        self._loop = Loop(self.name, self._run)

    def wake(self) -> None:
        """Look for rows now: call after a commit that added some. Without it they leave within `poll_seconds`."""
        self._woken.set()

    async def start(self) -> None:
        await self._loop.start()

    async def wait(self) -> None:
        await self._loop.wait()

    async def stop(self) -> None:
        await self._loop.stop()

    async def relay_batch(self) -> int:
        """Relay up to a batch of rows of the shards that no other relay is at; return how many. Public for tests and commands."""
        async with transaction(self._engine) as connection:
            until = monotonic() + LOCK_TRUSTED_SECONDS
            shards = await self._lock_shards(connection)
            rows = await self._read(connection, shards)
            relayed = await self._produce(rows, until)
            if relayed:
                await failpoint.reach("outbox.after_acknowledgement")
                await self._delete(connection, relayed)
        RELAYED.labels(self._outbox.table).inc(len(relayed))
        return len(relayed)

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            self._woken.clear()
            relayed = await self.relay_batch()
            if relayed < self._batch:
                await pause(self._poll_seconds, stopping, self._woken)

    async def _lock_shards(self, connection: AsyncConnection) -> list[int]:
        # The lock must be held before the statement that reads: a snapshot taken earlier would still show rows that the lock's last
        # holder has relayed and deleted, and send them again behind later ones.
        statement = text(
            """SELECT shard FROM generate_series(0, :last) AS shard
            WHERE pg_try_advisory_xact_lock(hashtext(current_schema() || ' outbox ' || CAST(:table AS text)), shard)"""
        )
        found = await connection.execute(statement, {"last": self._outbox.shards - 1, "table": self._outbox.table})
        return list(found.scalars())

    async def _read(self, connection: AsyncConnection, shards: list[int]) -> list[_Row]:
        statement = text(
            f"""SELECT id, topic, key, payload, headers, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
            FROM {self._outbox.table} WHERE shard = ANY(:shards) ORDER BY id LIMIT :batch"""
        )
        found = (await connection.execute(statement, {"shards": shards, "batch": self._batch})).all()
        OLDEST.labels(self._outbox.table).set(found[0].age if found else 0)
        return [_Row(row.id, Record(row.topic, bytes(row.key), bytes(row.payload), _headers(row.headers))) for row in found]

    async def _produce(self, rows: list[_Row], until: float) -> list[_Row]:
        relayed: list[_Row] = []
        for wave in waves(rows):
            if monotonic() > until:
                break
            await self._producer.produce([row.record for row in wave])
            relayed += wave
        return relayed

    async def _delete(self, connection: AsyncConnection, rows: Sequence[_Row]) -> None:
        statement = text(f"DELETE FROM {self._outbox.table} WHERE id = ANY(:ids)")
        await connection.execute(statement, {"ids": [row.id for row in rows]})


def waves(rows: Iterable[_Row]) -> list[list[_Row]]:
    """Rows parted so that each wave has a key at most once, in order: the first rows of all keys, then the second ones, and so on."""
    parted: list[list[_Row]] = []
    seen: dict[bytes, int] = defaultdict(int)
    for row in rows:
        turn = seen[row.record.key]
        seen[row.record.key] = turn + 1
        if turn == len(parted):
            parted.append([])
        parted[turn].append(row)
    return parted


def _headers(stored: Any) -> tuple[tuple[str, bytes], ...]:
    pairs = orjson.loads(stored) if isinstance(stored, str | bytes) else stored
    return tuple((name, bytes.fromhex(value)) for name, value in pairs)
