"""Listens, and stops listening for a while when told to refuse connections."""

import asyncio
from pathlib import Path

from simulator.behaviour import Behaviour
from simulator.http import Connection
from simulator.mailbox import Mailbox
from simulator.provider import Provider

BACKLOG = 4096


class Server:
    """The provider at one address."""

    def __init__(self, host: str, port: int, behaviour: Behaviour, log: Path | None = None) -> None:
        self._host, self._port = host, port
        self._mailbox = Mailbox(log)
        self._provider = Provider(behaviour, self._mailbox, self._refuse)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._reopening: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._provider.respond, self._connections), self._host, self._port, backlog=BACKLOG, reuse_address=True
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        self._close()
        self._mailbox.close()

    def _refuse(self, seconds: float) -> None:
        self._close()
        self._reopening = asyncio.get_running_loop().create_task(self._reopen(seconds))

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.start()

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
