import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from backing.process import Process, ProcessFailed

_SLEEP = [sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(60)"]
_STUBBORN = [sys.executable, "-S", "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"]
_PARENT = """
import os, psutil, sys
from pathlib import Path
from backing.process import Process
process = Process("sleep", ["/bin/sleep", "60"], Path(sys.argv[1]))
process.start()
while psutil.Process(process.pid).name() != "sleep":
    pass
process.pause()
print(process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _started(command: list[str], log: Path) -> Process:
    process = Process("part", command, log)
    process.start()
    _wait_until(lambda: log.exists() and "up" in log.read_text())
    return process


def test_stop_ends_a_process_with_the_stop_signal(tmp_path: Path) -> None:
    process = _started(_SLEEP, tmp_path / "log")
    process.stop()
    assert process.exit_code == -signal.SIGTERM


def test_stop_kills_a_process_that_does_not_listen(tmp_path: Path) -> None:
    process = _started(_STUBBORN, tmp_path / "log")
    process.stop(timeout_seconds=0.2)
    assert process.exit_code == -signal.SIGKILL


def test_stop_reaches_a_paused_process(tmp_path: Path) -> None:
    process = _started(_SLEEP, tmp_path / "log")
    process.pause()
    _wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    process.stop()
    assert process.exit_code == -signal.SIGTERM


def test_a_process_starts_again_after_it_was_killed(tmp_path: Path) -> None:
    process = _started(_SLEEP, tmp_path / "log")
    first = process.pid
    process.kill()
    process.start()
    assert process.running
    assert process.pid != first
    process.kill()
    assert process.exit_code == -signal.SIGKILL


def test_starting_a_running_process_changes_nothing(tmp_path: Path) -> None:
    process = _started(_SLEEP, tmp_path / "log")
    first = process.pid
    process.start()
    assert process.pid == first
    process.kill()


def test_stopping_what_was_never_started_does_nothing(tmp_path: Path) -> None:
    process = Process("part", _SLEEP, tmp_path / "log")
    process.stop()
    process.kill()
    with pytest.raises(ProcessFailed, match="part was not started"):
        _ = process.pid


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    process = Process("part", [sys.executable, "-c", "print('the reason')"], tmp_path / "log")
    process.start()
    _wait_until(lambda: not process.running)
    assert "part ended" in str(process.failed("ended"))
    assert "the reason" in str(process.failed("ended"))


def test_a_process_sees_its_settings_and_none_that_its_caller_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_KIND", "smtp")
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere")
    script = "import os; print({name: os.environ.get(name) for name in ('PROVIDER_KIND', 'DATABASE_URL', 'PATH')})"
    process = Process("part", [sys.executable, "-c", script], tmp_path / "log", {"DATABASE_URL": "postgresql://here"})
    process.start()
    _wait_until(lambda: not process.running)
    seen = {"PROVIDER_KIND": None, "DATABASE_URL": "postgresql://here", "PATH": os.environ["PATH"]}
    assert process.log.read_text() == f"{seen}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_child_dies_with_a_killed_parent_even_while_paused(tmp_path: Path) -> None:
    parent = subprocess.run([sys.executable, "-c", _PARENT, str(tmp_path / "log")], capture_output=True, text=True, check=False)
    child = int(parent.stdout)
    _wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
