import sys
from collections.abc import Mapping
from pathlib import Path

from backing.ports import free_port
from backing.process import Process


class Replica:
    """One process of a Python service; it answers once its health service says it is ready."""

    def __init__(self, service: str, package: str, number: int, log_directory: Path) -> None:
        self.name = f"{service}-{number}"
        self.target = f"127.0.0.1:{free_port()}"
        self._health = f"127.0.0.1:{free_port()}"
        self.metrics_address = f"127.0.0.1:{free_port()}"
        self.process = Process(self.name, [sys.executable, "-m", package], log_directory / f"{self.name}.log")

    @property
    def address(self) -> str:
        """Where its API is called, and its health is asked; with TLS that of its health alone, which needs no certificate."""
        return f"grpc://{self._health if self.process.environment.get('GRPC_TLS_CERTIFICATE_FILE') else self.target}"

    def configure(self, settings: Mapping[str, str]) -> None:
        """Sets the environment of the next start."""
        served = {"GRPC_ADDRESS": self.target, "GRPC_HEALTH_ADDRESS": self._health, "METRICS_ADDRESS": self.metrics_address}
        self.process.environment = {**served, "INSTANCE_NAME": self.name, **settings}

    def prepare(self) -> None:
        """Nothing: a service finds its schema and topics made."""


class HttpServer:
    """One process that serves HTTP; it answers once the URL of its health gives 200."""

    def __init__(self, process: Process, url: str, health_url: str) -> None:
        self.process = process
        self.url = url
        self.address = health_url

    def prepare(self) -> None:
        """Nothing: it keeps no data."""
