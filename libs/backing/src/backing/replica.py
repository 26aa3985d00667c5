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
        self.address = f"grpc://{self.target}"
        self.metrics_address = f"127.0.0.1:{free_port()}"
        self.process = Process(self.name, [sys.executable, "-m", package], log_directory / f"{self.name}.log")

    def configure(self, settings: Mapping[str, str]) -> None:
        """Sets the environment of the next start."""
        own = {"GRPC_ADDRESS": self.target, "METRICS_ADDRESS": self.metrics_address, "INSTANCE_NAME": self.name}
        self.process.environment = {**own, **settings}

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
