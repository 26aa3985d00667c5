"""Doubles and waits for tests; no service imports it at run time."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import grpc.aio

from servicekit.grpc_server import Registration


async def wait_until(
    predicate: Callable[[], object], *, timeout_seconds: float = 5, interval_seconds: float = 0.01, what: str = "the condition"
) -> None:
    """Return when `predicate()` (a function or a coroutine function) is true; raise AssertionError naming `what` after the timeout."""
    raise NotImplementedError


def grpc_channel(registrations: Sequence[Registration]) -> AbstractAsyncContextManager[grpc.aio.Channel]:
    """A channel to a server of these servicers on a free port of 127.0.0.1, with the interceptors of production; both end with the block."""
    raise NotImplementedError
