"""SQLAlchemy Core over psycopg, with bounds, measurements and errors a service can act on."""

from servicekit.postgres.binary import (
    BigintArray,
    BoolArray,
    DateArray,
    IntArray,
    TextArray,
    TimestamptzArray,
    UuidArray,
    instant,
    microseconds,
    uuid_bytes,
)
from servicekit.postgres.cursors import BinaryCursor, binary_cursor, raw
from servicekit.postgres.engine import create_engine, database_now, ping
from servicekit.postgres.migrations import migrate
from servicekit.postgres.patience import DatabaseUnavailable
from servicekit.postgres.transactions import retrying, transaction, violated_constraint

__all__ = [
    "BigintArray",
    "BinaryCursor",
    "BoolArray",
    "DatabaseUnavailable",
    "DateArray",
    "IntArray",
    "TextArray",
    "TimestamptzArray",
    "UuidArray",
    "binary_cursor",
    "create_engine",
    "database_now",
    "instant",
    "microseconds",
    "migrate",
    "ping",
    "raw",
    "retrying",
    "transaction",
    "uuid_bytes",
    "violated_constraint",
]
