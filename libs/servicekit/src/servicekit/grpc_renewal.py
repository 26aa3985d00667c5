"""A channel whose certificates are renewed while it is in use."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from servicekit.grpc_tls import RenewedFiles

#: Time for the calls in flight when their channel is replaced.
GRACE_SECONDS = 60.0


class RenewedChannel(grpc.aio.Channel):
    """Makes its calls over a channel that is replaced once the certificates have changed: gRPC cannot change those of one that is open."""

    def __init__(self, files: RenewedFiles, connect: Callable[[grpc.ChannelCredentials], grpc.aio.Channel]) -> None:
        self._files = files
        self._connect = connect
        self._channel = connect(files.channel_credentials())
        self._closing: set[asyncio.Task[None]] = set()

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("unary_unary", args, kwargs)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("unary_stream", args, kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("stream_unary", args, kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("stream_stream", args, kwargs)

    async def close(self, grace: float | None = None) -> None:
        for task in self._closing:
            task.cancel()
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._current().channel_ready()

    async def __aenter__(self) -> "RenewedChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _method(self, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        def call(*given: Any, **options: Any) -> Any:
            return getattr(self._current(), kind)(*args, **kwargs)(*given, **options)

        return call

    def _current(self) -> grpc.aio.Channel:
        if self._files.renew():
            closing = asyncio.get_running_loop().create_task(self._channel.close(GRACE_SECONDS))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            self._channel = self._connect(self._files.channel_credentials())
        return self._channel
