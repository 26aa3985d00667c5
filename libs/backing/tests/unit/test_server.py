import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from backing import server
from backing.ports import free_port
from backing.process import Process, ProcessFailed


@dataclass
class HttpServer:
    process: Process
    address: str

    def prepare(self) -> None:
        pass


def at(port: int, log: Path) -> HttpServer:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(log.parent), str(port)]
    return HttpServer(Process("files", command, log), f"http://127.0.0.1:{port}")


def test_on_anothers_port_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as another:
        files = at(another.getsockname()[1], tmp_path / "log")
        with pytest.raises(ProcessFailed, match=r"files is not started: another process has the port of http://127\.0\.0\.1:\d+"):
            server.start(files)
    assert not files.process.running


def test_who_runs_goes_on_and_who_was_stopped_has_its_port_again_at_once(tmp_path: Path) -> None:
    files = at(free_port(), tmp_path / "log")
    server.start(files)
    first = files.process.pid
    server.start(files)
    assert files.process.pid == first
    server.restart(files)
    assert files.process.running
    assert files.process.pid != first
    server.stop(files)
