import time
from typing import Protocol

from backing import probe
from backing.process import Process


class Server(Protocol):
    """A process that others connect to: one of the backing servers, or one replica of a service."""

    @property
    def process(self) -> Process: ...

    def prepare(self) -> None:
        """Makes what the process finds at its start, such as a data directory. Repeatable: what is there stays."""
        ...

    @property
    def address(self) -> str:
        """Where it is found, in a form that `probe.answers` knows how to ask."""
        ...


def start(*servers: Server, timeout_seconds: float = 90.0) -> None:
    """Starts the servers side by side and returns when all of them answer; raises ProcessFailed if one does not."""
    for server in servers:
        server.prepare()
        server.process.start()
    deadline = time.monotonic() + timeout_seconds
    for server in servers:
        _wait_until_it_answers(server, deadline)


def restart(server: Server, *, timeout_seconds: float = 90.0) -> None:
    """Stops the server and starts it again with the same data, on the same port."""
    server.process.stop()
    start(server, timeout_seconds=timeout_seconds)


def stop(*servers: Server) -> None:
    """Stops the servers side by side, and returns when all are gone."""
    for server in servers:
        server.process.ask_to_end()
    for server in servers:
        server.process.wait_for_end()


def _wait_until_it_answers(server: Server, deadline: float) -> None:
    # Looked at after the answer too: that may be another's, which took the port.
    while not (probe.answers(server.address) and server.process.running):
        if not server.process.running:
            raise server.process.failed(f"ended with exit code {server.process.exit_code} before it answered")
        if time.monotonic() > deadline:
            raise server.process.failed("does not answer")
        time.sleep(0.05)
