import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from backing import server
from backing.process import Process, ProcessFailed


class _Somebody(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(0.5)  # By then who could not have the port has ended.
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Late:
    process: Process
    address: str

    def prepare(self) -> None:
        pass


@pytest.fixture
def taken() -> Iterator[str]:
    """The address of a port that somebody has taken, and answers on."""
    with HTTPServer(("127.0.0.1", 0), _Somebody) as somebody:
        Thread(target=somebody.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{somebody.server_port}"
        somebody.shutdown()


def test_anothers_answer_is_not_taken_for_ones_own(taken: str, tmp_path: Path) -> None:
    process = Process("late", [sys.executable, "-c", "raise SystemExit('the port is taken')"], tmp_path / "late.log")
    with pytest.raises(ProcessFailed, match=r"ended with exit code 1 before it answered(.|\n)*the port is taken"):
        server.start(Late(process, taken))
