"""The contract of HttpClient: what is certainly not sent, and what may have been. Both clients, over real sockets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from dispatcher_service.adapters.http_aiohttp import AiohttpClient
from dispatcher_service.adapters.http_pyreqwest import PyreqwestClient
from dispatcher_service.ports import HttpClient, NotSent, Unanswered

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Handler], Awaitable[int]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Thing: Yes\r\n\r\nhi"


@pytest.fixture(params=[PyreqwestClient, AiohttpClient])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[HttpClient]:
    client: HttpClient = request.param(0.3, "heyday-test")
    yield client
    await client.close()


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """The port of a listener that accepts nobody and whose queue is full: a connection is never made, and never refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield listener.getsockname()[1]
        for filler in fillers:
            filler.close()


def answering(answer: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return handle


async def post(client: HttpClient, port: int, *, scheme: str = "http", seconds: float = 1) -> object:
    return await client.post(f"{scheme}://127.0.0.1:{port}/send-email", {"X-Key": "k"}, b"body", seconds)


async def test_an_answer_comes_with_status_lower_case_headers_and_body(client: HttpClient, tcp_server: Serve) -> None:
    reply = await client.post(f"http://127.0.0.1:{await tcp_server(answering(OK))}/x", {}, b"body", 1)
    assert (reply.status, reply.headers["x-thing"], reply.body) == (200, "Yes", b"hi")


async def test_the_request_carries_method_path_headers_and_body(client: HttpClient, tcp_server: Serve) -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(4))
        writer.write(OK)

    await post(client, await tcp_server(handle))
    head = seen[0].lower()
    assert head.startswith(b"post /send-email http/1.1\r\n")
    assert b"x-key: k\r\n" in head
    assert b"user-agent: heyday-test\r\n" in head
    assert b"content-length: 4\r\n" in head
    assert head.endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize("status", [204, 400, 404, 429, 500, 503])
async def test_any_status_is_an_answer(client: HttpClient, tcp_server: Serve, status: int) -> None:
    port = await tcp_server(answering(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()))
    assert (await client.post(f"http://127.0.0.1:{port}/", {}, b"", 1)).status == status


async def test_a_redirect_is_not_followed(client: HttpClient, tcp_server: Serve) -> None:
    port = await tcp_server(answering(b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"))
    assert (await client.post(f"http://127.0.0.1:{port}/", {}, b"", 1)).status == 307


async def test_a_refused_connection_is_not_sent(client: HttpClient) -> None:
    with pytest.raises(NotSent):
        await post(client, 1)


async def test_an_unknown_host_is_not_sent(client: HttpClient) -> None:
    with pytest.raises(NotSent):
        await client.post("http://no-such-host.invalid/", {}, b"", 1)


async def test_a_failed_tls_handshake_is_not_sent(client: HttpClient, tcp_server: Serve) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with pytest.raises(NotSent):
        await post(client, await tcp_server(handle), scheme="https")


async def test_a_connection_that_is_not_made_in_time_is_not_sent(client: HttpClient, full_backlog: int) -> None:
    with pytest.raises(NotSent):
        await post(client, full_backlog, seconds=2)


async def test_no_answer_in_time_may_have_been_received(client: HttpClient, tcp_server: Serve) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    started = asyncio.get_running_loop().time()
    with pytest.raises(Unanswered):
        await post(client, await tcp_server(handle), seconds=0.4)
    assert asyncio.get_running_loop().time() - started < 5


async def test_a_reset_after_the_request_may_have_been_received(client: HttpClient, tcp_server: Serve) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with pytest.raises(Unanswered):
        await post(client, await tcp_server(handle))


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x00\x01 no http\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"HTTP/1.1 200 OK\r\nContent-Le"],
    ids=["closed", "no http", "half a body", "half a head"],
)
async def test_less_than_a_whole_answer_may_have_been_received(client: HttpClient, tcp_server: Serve, answer: bytes) -> None:
    with pytest.raises(Unanswered):
        await post(client, await tcp_server(answering(answer)))


async def test_a_slow_body_is_bounded_too(client: HttpClient, tcp_server: Serve) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    with pytest.raises(Unanswered):
        await post(client, await tcp_server(handle), seconds=0.4)


async def test_connections_are_kept_alive(client: HttpClient, tcp_server: Serve) -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.read(4096):
            writer.write(OK)

    port = await tcp_server(handle)
    for _ in range(5):
        await post(client, port)
        await asyncio.sleep(0.02)
    assert connections == 1


async def test_a_kept_connection_that_dies_during_a_call_is_not_tried_twice(client: HttpClient, tcp_server: Serve) -> None:
    requests = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        for answer in (OK, b""):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(4)
            requests += 1
            writer.write(answer)

    port = await tcp_server(handle)
    await post(client, port)
    await asyncio.sleep(0.02)
    with pytest.raises(Unanswered):
        await post(client, port)
    assert requests == 2
