"""SQLAlchemy Core over psycopg, with bounds, measurements and errors a service can act on."""

from servicekit.postgres.binary import TimestamptzArray, UuidArray, instant, microseconds, uuid_bytes
from servicekit.postgres.engine import binary_cursor, create_engine, database_now, ping, raw
from servicekit.postgres.transactions import retrying, transaction, violated_constraint

__all__ = [
    "TimestamptzArray",
    "UuidArray",
    "binary_cursor",
    "create_engine",
    "database_now",
    "instant",
    "microseconds",
    "ping",
    "raw",
    "retrying",
    "transaction",
    "uuid_bytes",
    "violated_constraint",
]
