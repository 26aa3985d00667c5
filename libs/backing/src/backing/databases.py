from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import psycopg

from backing.postgres import Postgres

Migrate = Callable[[str], None]  # Takes the role's URL.


@dataclass(frozen=True)
class Database:
    """One database with one schema, for one test."""

    name: str
    schema: str
    url: str  # As the schema's own role; libpq and SQLAlchemy read the same form.
    superuser_url: str

    def connect(self) -> psycopg.Connection:
        """A connection of the schema's own role in autocommit mode."""
        return psycopg.connect(self.url, autocommit=True)


class Databases:
    """Hands out databases copied from templates, each of which is migrated once: a copy takes some 20 ms."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._numbers = count(1)
        self._templates: dict[tuple[str, Migrate | None], str] = {}

    def create(self, schema: str, migrate: Migrate | None) -> Database:
        """A fresh database with the schema, migrated if it is said how."""
        name = f"test_{schema}_{next(self._numbers)}"
        self._server.create_database(name, template=self._template(schema, migrate))
        return self._describe(name, schema)

    def drop(self, database: Database) -> None:
        """Drops the database, whoever is connected."""
        self._server.drop_database(database.name)

    def _template(self, schema: str, migrate: Migrate | None) -> str:
        key = (schema, migrate)
        if key not in self._templates:
            name = f"template_{schema}_{next(self._numbers)}"
            self._server.create_database(name)
            self._server.create_schema(schema, name)
            if migrate is not None:
                migrate(self._describe(name, schema).url)
            self._templates[key] = name
        return self._templates[key]

    def _describe(self, name: str, schema: str) -> Database:
        return Database(name, schema, self._server.url(schema, name), self._server.url(database=name))
