"""Fixtures that give tests real servers, started at their first use and shared by the whole session.

`postgres_server`, `redis_server`, `kafka_server` (session): the servers, as `backing.postgres.Postgres` and so on. A test that stops,
kills or pauses one through `.process` uses `backing.server.start` or `.process.resume()` to leave it answering.

`database` (function): `database("users")` is a fresh `backing.databases.Database` (`.url`, `.superuser_url`, `.connect()`) in which the
service that owns the schema has applied its migrations; `database("users", migrate=None)` has the empty schema and role only, as has any
schema that no service owns; `migrate=function` calls `function(url)` once per session. Dropped after the test.

`redis_url` (function): the URL of the Redis server, emptied.

`kafka_topic` (function): `kafka_topic("message-due", partitions=4)` makes a topic of a name never used before and returns the name.
"""

import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:  # Unit tests use none of these, and start without importing them.
    from backing.databases import Database, Databases, Migrate
    from backing.kafka import Kafka
    from backing.postgres import Postgres
    from backing.redis import Redis

_OWN = object()  # The default of `migrate`: the owning service's own migrations.
_topic_numbers = count(1)


class CreateDatabase(Protocol):
    def __call__(self, schema: str, *, migrate: "Migrate | None" = ...) -> "Database": ...


class CreateTopic(Protocol):
    def __call__(self, name: str = ..., *, partitions: int = ...) -> str: ...


@pytest.fixture(scope="session")
def servers_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="heyday-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(servers_directory: Path) -> Iterator["Postgres"]:
    from backing.postgres import Postgres
    from backing.server import start, stop

    server = Postgres(servers_directory, durable=False)
    start(server)
    yield server
    stop(server)


@pytest.fixture(scope="session")
def redis_server(servers_directory: Path) -> Iterator["Redis"]:
    from backing.redis import Redis
    from backing.server import start, stop

    server = Redis(servers_directory)
    start(server)
    yield server
    stop(server)


@pytest.fixture(scope="session")
def kafka_server(servers_directory: Path) -> Iterator["Kafka"]:
    from backing.kafka import Kafka
    from backing.server import start, stop

    server = Kafka(servers_directory)
    start(server)
    yield server
    stop(server)


@pytest.fixture(scope="session")
def databases(postgres_server: "Postgres") -> "Databases":
    from backing.databases import Databases

    return Databases(postgres_server)


@pytest.fixture
def database(databases: "Databases") -> Iterator[CreateDatabase]:
    created = []

    def create(schema: str, *, migrate: "Migrate | object | None" = _OWN) -> "Database":
        made = databases.create(schema, _own_migrations(schema) if migrate is _OWN else migrate)  # type: ignore[arg-type]
        created.append(made)
        return made

    yield create
    for each in created:
        databases.drop(each)


@pytest.fixture
def redis_url(redis_server: "Redis") -> str:
    redis_server.flush()
    return redis_server.address


@pytest.fixture
def kafka_topic(kafka_server: "Kafka") -> CreateTopic:
    def create(name: str = "topic", *, partitions: int = 4) -> str:
        unique = f"{name}-{next(_topic_numbers)}"
        kafka_server.create_topics([unique], partitions=partitions)
        return unique

    return create


@cache  # One object per schema, by which the template is found again.
def _own_migrations(schema: str) -> "Migrate | None":
    from backing.commands import migrate
    from backing.services import Addresses, owner_of, settings_of

    service = owner_of(schema)
    if service is None:
        return None
    return lambda url: migrate(service.package, settings_of(service, Addresses.of_nothing_but(url)))
