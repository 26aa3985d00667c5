"""Just enough of HTTP/1.1 to serve JSON at the speed of the event loop: keep-alive, Content-Length, answers in order."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import cast

LARGEST_HEAD_BYTES = 16 << 10
LARGEST_BODY_BYTES = 1 << 20


class End(StrEnum):
    """How an exchange ends."""

    ANSWER = "answer"
    CLOSE = "close"  # without an answer
    RESET = "reset"  # without an answer, and with a TCP reset
    SILENCE = "silence"  # the connection stays open


@dataclass(slots=True)
class Request:
    method: str
    target: str
    headers: dict[bytes, bytes]  # names in lower case
    body: bytes


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay_seconds: float = 0
    end: End = End.ANSWER
    content_type: str = "application/json"


Respond = Callable[[Request], Answer]


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered one after the other, in their order."""

    def __init__(self, respond: Respond, open_connections: set["Connection"]) -> None:
        self._respond = respond
        self._open = open_connections
        self._buffer = b""
        self._answering = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        self._next()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        while self._buffer and not self._answering and self._transport is not None:
            try:
                request = self._take_request()
            except _Unreadable as error:
                self._write(Answer(error.status))
                self.close()
                return
            if request is None:
                return
            self._end(self._respond(request))

    def _take_request(self) -> Request | None:
        """The next whole request of the buffer, or None while part of it is still on its way."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST_HEAD_BYTES:
                raise _Unreadable(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return None
        first, *lines = self._buffer[:end].split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        length = _body_length(headers)
        if len(self._buffer) < end + 4 + length:
            return None
        body = self._buffer[end + 4 : end + 4 + length]
        self._buffer = self._buffer[end + 4 + length :]
        try:
            method, target, _ = first.decode("ascii").split(" ")
        except ValueError:
            raise _Unreadable(HTTPStatus.BAD_REQUEST) from None
        return Request(method, target, headers, body)

    def _end(self, answer: Answer) -> None:
        if answer.end is End.SILENCE:
            self._answering = True
        elif answer.delay_seconds:
            self._answering = True
            asyncio.get_running_loop().call_later(answer.delay_seconds, self._end_later, answer)
        else:
            self._end_now(answer)

    def _end_later(self, answer: Answer) -> None:
        self._answering = False
        self._end_now(answer)
        self._next()

    def _end_now(self, answer: Answer) -> None:
        if answer.end is End.ANSWER:
            self._write(answer)
        elif answer.end is End.CLOSE:
            self.close()
        elif self._transport is not None:
            connected: socket.socket = self._transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _write(self, answer: Answer) -> None:
        if self._transport is None:
            return
        further = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        head = f"{_STATUS_LINES[answer.status]}Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n{further}\r\n"
        self._transport.write(head.encode() + answer.body)


class _Unreadable(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        self.status = status


class _StatusLines(dict[int, str]):
    def __missing__(self, status: int) -> str:
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unnamed"
        self[status] = f"HTTP/1.1 {status} {phrase}\r\n"
        return self[status]


_STATUS_LINES = _StatusLines()


def _body_length(headers: dict[bytes, bytes]) -> int:
    if b"transfer-encoding" in headers:
        raise _Unreadable(HTTPStatus.LENGTH_REQUIRED)
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise _Unreadable(HTTPStatus.BAD_REQUEST)
    if int(length) > LARGEST_BODY_BYTES:
        raise _Unreadable(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(length)
