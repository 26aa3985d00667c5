from collections.abc import Callable
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url

from user_service.__main__ import MIGRATIONS
from user_service.adapters.postgres.tables import metadata


def test_down_and_up_again(database: Callable[..., Any]) -> None:
    engine = create_engine(make_url(database("users").url).set(drivername="postgresql+psycopg"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        config.attributes.update(connection=connection, schema="users")
        command.downgrade(config, "base")
        command.upgrade(config, "head")
        config.attributes.clear()
    engine.dispose()


def test_the_tables_of_the_code_are_those_of_the_migrations(database: Callable[..., Any]) -> None:
    engine = create_engine(make_url(database("users").url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _is_a_tables_own, "version_table_schema": "users"})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def _is_a_tables_own(thing: Any, name: str, kind: str, *_: Any) -> bool:
    # Indices are declared in the migrations only, and the outbox is servicekit's.
    return kind != "index" and name not in {"outbox", "alembic_version"}
