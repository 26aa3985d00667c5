"""TLS for servers whose locked wheels are built without it: ended here, and passed on in plain on this machine."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from backing.certificates import Certificate

_POSTGRES_TLS_REQUEST = bytes.fromhex("0000000804d2162f")


@asynccontextmanager
async def tls_front(port: int, shown: Certificate, *, postgres: bool = False) -> AsyncIterator[int]:
    """A port of 127.0.0.1 that speaks TLS for the server at `port`; Postgres's clients ask for it before they begin."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.certificate, shown.key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever does not believe the certificate hangs up.
        with suppress(OSError, asyncio.IncompleteReadError):
            if postgres:
                await _agree_on_tls(reader, writer, context)
            onward = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_pass_on(reader, onward[1]), _pass_on(onward[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=None if postgres else context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _agree_on_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
    if await reader.readexactly(len(_POSTGRES_TLS_REQUEST)) != _POSTGRES_TLS_REQUEST:
        raise ConnectionError("in plain")
    writer.write(b"S")
    await writer.start_tls(context)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
