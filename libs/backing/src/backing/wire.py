"""A wire that can be slow, cut or dead: a TCP proxy for one server."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from threading import Thread
from typing import Self

_AT_ONCE = struct.pack("ii", 1, 0)  # Linger for no time: the end of the connection is a reset.


class Wire:
    """Stands between callers and a server, on a port of its own. As a context manager it is there inside and gone outside."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        #: What passes is held back this long, each way.
        self.delay_seconds = 0.0
        #: What comes is taken, and never passed on.
        self.is_dead = False
        #: Connections there have been.
        self.joined = 0
        self._ends: set[StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self.address = ""

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._join, "127.0.0.1"), self._loop).result(10)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def reset(self) -> None:
        """Cut every connection there is; new ones are made again."""
        done = asyncio.run_coroutine_threadsafe(self._cut(), self._loop)
        done.result(10)

    async def _cut(self) -> None:
        for end in list(self._ends):
            connection = end.get_extra_info("socket")
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            end.transport.abort()

    async def _join(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.joined += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._ends |= ends
        try:
            await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        finally:
            self._ends -= ends

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(1 << 16):
                await asyncio.sleep(self.delay_seconds)
                if not self.is_dead:
                    writer.write(piece)
                    await writer.drain()
        writer.close()
