"""Alembic migrations of one schema, safe to start from several pods at once."""

from pathlib import Path


def migrate(url: str, schema: str, script_location: Path, revision: str = "head") -> None:
    """Apply migrations up to `revision` in `schema`, one migrator at a time (advisory lock), each statement waiting at most 5 s for a lock."""
    raise NotImplementedError


def run_env() -> None:
    """The whole body of a service's `migrations/env.py`."""
    raise NotImplementedError
