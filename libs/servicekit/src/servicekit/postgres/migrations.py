"""Alembic migrations of one schema, safe to start from several pods at once."""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

POLL_SECONDS = 0.2


def migrate(url: str, schema: str, script_location: Path, revision: str = "head") -> None:
    """Apply migrations up to `revision` in `schema`, one migrator at a time, each statement waiting at most 5 s for a lock.

    Blocks; call it from a command, not from a running service. Raises whatever the migration raises: it is safe to begin again.
    """
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(script_location))
    with engine.connect() as connection, _alone(connection, schema):
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.commit()
        config.attributes.update(connection=connection, schema=schema)
        command.upgrade(config, revision)


def run_env() -> None:
    """The whole body of a service's `migrations/env.py`."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        version_table_schema=context.config.attributes["schema"],
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


@contextmanager
def _alone(connection: Connection, schema: str) -> Iterator[None]:
    """Hold the session's advisory lock. It is tried for, not waited for: a waiting statement would hold a snapshot, and then
    the other migrator's CREATE INDEX CONCURRENTLY would wait for it in turn."""
    key = {"key": zlib.crc32(f"migrate {schema}".encode())}
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one():
        connection.commit()
        time.sleep(POLL_SECONDS)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
        connection.commit()
