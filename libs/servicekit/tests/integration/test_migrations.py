import threading
from pathlib import Path

import psycopg
import pytest

from backing.pytest_plugin import CreateDatabase
from servicekit.postgres import migrate

ENV = "from servicekit.postgres.migrations import run_env\n\nrun_env()\n"
FIRST = """
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE things (id int)")
    op.execute("SELECT pg_sleep(0.3)")
    op.execute("INSERT INTO things VALUES (1)")
"""
SECOND = """
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY things_id ON things (id)")
"""
BROKEN = (
    FIRST.replace('"0001"', '"0003"')
    .replace("None\n", '"0002"\n', 1)
    .replace("CREATE TABLE things", "CREATE TABLE broken (id int); nonsense")
)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    (tmp_path / "versions" / "0001_things.py").write_text(FIRST)
    (tmp_path / "versions" / "0002_index.py").write_text(SECOND)
    return tmp_path


def test_migrators_that_start_together_apply_each_migration_once(database: CreateDatabase, scripts: Path) -> None:
    made = database("servicekit", migrate=None)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            migrate(made.url, "servicekit", scripts)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _rows(made.url, "SELECT id FROM servicekit.things") == [(1,)]
    assert _rows(made.url, "SELECT version_num FROM servicekit.alembic_version") == [("0002",)]


def test_a_migration_that_fails_leaves_the_one_before_and_can_be_begun_again(database: CreateDatabase, scripts: Path) -> None:
    made = database("servicekit", migrate=None)
    broken = scripts / "versions" / "0003_broken.py"
    broken.write_text(BROKEN)
    with pytest.raises(Exception, match="nonsense"):
        migrate(made.url, "servicekit", scripts)
    assert _rows(made.url, "SELECT version_num FROM servicekit.alembic_version") == [("0002",)]
    broken.unlink()
    migrate(made.url, "servicekit", scripts)


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()
