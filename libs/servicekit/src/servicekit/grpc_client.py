"""Channels that spread calls over all replicas, retry what is safe, and pass deadline and identity on."""

from collections.abc import Sequence

import grpc.aio


def channel(
    target: str, *, retried: Sequence[str] = (), max_message_bytes: int = 4 << 20, default_timeout_seconds: float = 10
) -> grpc.aio.Channel:
    """A channel to HOST:PORT (or any gRPC target), round robin over its addresses. Must be called within the running loop.

    `retried` names what may be tried again on UNAVAILABLE, as `package.Service` or `package.Service/Method`: idempotent calls only. A call
    without a timeout gets the request's deadline less a margin, or else `default_timeout_seconds`.
    """
    raise NotImplementedError
