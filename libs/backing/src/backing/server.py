import time
from typing import Protocol
from urllib.parse import urlsplit

from backing import probe
from backing.ports import can_listen_on
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
    """Starts the servers side by side and returns when all of them answer; raises ProcessFailed if one does not.

    One that runs goes on; one whose port another process has is not started.
    """
    for server in servers:
        _refuse_a_taken_port(server)
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


def _refuse_a_taken_port(server: Server) -> None:
    # Else the other's answer is taken for that of the server, which needs seconds to fail.
    if not server.process.running and not can_listen_on(urlsplit(server.address).port or 0):
        raise server.process.failed(f"is not started: another process has the port of {server.address}")


def _wait_until_it_answers(server: Server, deadline: float) -> None:
    while not probe.answers(server.address):
        if not server.process.running:
            raise server.process.failed(f"ended with exit code {server.process.exit_code} before it answered")
        if time.monotonic() > deadline:
            raise server.process.failed("does not answer")
        time.sleep(0.05)
