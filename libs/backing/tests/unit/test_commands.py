import subprocess
from pathlib import Path

import pytest

from backing import __main__ as commands
from backing import lock, supervisor
from backing.commands import migrate


@pytest.mark.parametrize(("name", "shown"), [("", ["kafka.log", "scheduler-1.log"]), ("scheduler", ["scheduler-1.log"])])
def test_logs_follows_all_files_or_those_of_one_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shown: list[str]) -> None:
    (tmp_path / "logs").mkdir()
    for file in ("kafka.log", "scheduler-1.log"):
        (tmp_path / "logs" / file).touch()
    followed: list[str] = []
    monkeypatch.setattr(supervisor, "RUN", tmp_path)
    monkeypatch.setattr("os.execvp", lambda _, arguments: followed.extend(arguments))
    commands.logs(name)
    assert [Path(path).name for path in followed if path.endswith(".log")] == shown


def test_migrations_see_the_settings_they_are_given_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "told.py").write_text("import os, sys; sys.exit(str([os.environ.get(name) for name in ('DATABASE_URL', 'ENVIRONMENT')]))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(subprocess.CalledProcessError) as failure:
        migrate("told", {"DATABASE_URL": "postgresql://here"})
    assert failure.value.stderr == "['postgresql://here', None]\n"


def test_a_lock_tells_its_holder_and_is_free_after_it(tmp_path: Path) -> None:
    path = tmp_path / "mesh.lock"
    assert lock.holder(path) is None
    with lock.holding(path):
        assert lock.holder(path) is not None
        with pytest.raises(lock.Held), lock.holding(path):
            pass
    assert not lock.is_held(path)
    assert lock.holder(path) is None
