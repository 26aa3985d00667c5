"""Channels that spread calls over all replicas, retry what is safe, and pass deadline and identity on."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from servicekit import grpc_context
from servicekit.errors import Unavailable
from servicekit.grpc_renewal import RenewedChannel
from servicekit.grpc_tls import RenewedFiles, TlsFiles
from servicekit.kafka.tracing import TRACEPARENT, traceparent

#: Left of a request's deadline for our own answer after the call behind us has ended.
DEADLINE_MARGIN_SECONDS = 0.05
MOST_TRIES = 4


def channel(
    target: str,
    *,
    tls: TlsFiles | None = None,
    retried: Sequence[str] = (),
    max_message_bytes: int = 4 << 20,
    default_timeout_seconds: float = 10,
) -> grpc.aio.Channel:
    """A channel to HOST:PORT (or any gRPC target), round robin over its addresses. Must be called within the running loop.

    With `tls` it shows its certificate and verifies that of the server, whose name must be that of the target; renewed files are taken up
    by the next call. Raises OSError or ssl.SSLError if the files are unfit to begin with.
    `retried` names what may be tried again on UNAVAILABLE, as `package.Service` or `package.Service/Method`: idempotent calls only. A call
    without a timeout gets the request's deadline less a margin, or else `default_timeout_seconds`; one with a timeout never more than that.
    """
    target = target if "://" in target or target.startswith(("unix:", "ipv4:", "ipv6:")) else f"dns:///{target}"
    options = _options(retried, max_message_bytes)
    interceptors = [_UnaryUnary(default_timeout_seconds), _UnaryStream(default_timeout_seconds)]
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
    return RenewedChannel(
        RenewedFiles(tls), lambda credentials: grpc.aio.secure_channel(target, credentials, options=options, interceptors=interceptors)
    )


def _options(retried: Sequence[str], max_message_bytes: int) -> list[tuple[str, Any]]:
    return [
        ("grpc.service_config", json.dumps(_service_config(retried))),
        ("grpc.enable_retries", 1),
        ("grpc.dns_min_time_between_resolutions_ms", 5_000),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 3_000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
    ]


class NotServing(Unavailable):
    """The service answers that it is not ready."""


async def ping(channel: grpc.aio.Channel) -> None:
    """Ask one replica whether it is ready; raises Unavailable. For `runtime.probe`."""
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="readiness"))
    except grpc.aio.AioRpcError as error:
        raise Unavailable from error
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise NotServing


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, default_timeout_seconds: float) -> None:
        self._default_timeout_seconds = default_timeout_seconds

    async def intercept_unary_unary(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        return await continuation(_with_context(client_call_details, self._default_timeout_seconds), request)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, default_timeout_seconds: float) -> None:
        self._default_timeout_seconds = default_timeout_seconds

    async def intercept_unary_stream(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        return await continuation(_with_context(client_call_details, self._default_timeout_seconds), request)


def _with_context(details: Any, default_timeout_seconds: float) -> Any:
    context = grpc_context.current()
    given = list(details.metadata or ())
    named = {key for key, _ in given}
    passed_on = [(key, value) for key, value in [*context.metadata(), (TRACEPARENT, traceparent())] if value and key not in named]
    return details._replace(
        metadata=grpc.aio.Metadata(*given, *passed_on), timeout=_timeout(details.timeout, context.seconds_left(), default_timeout_seconds)
    )


def _timeout(asked: float | None, left: float | None, default: float) -> float:
    """The shorter of what the caller asks for and what is left of the request that is being served."""
    bounds = [bound for bound in (asked, None if left is None else max(0.0, left - DEADLINE_MARGIN_SECONDS)) if bound is not None]
    return min(bounds, default=default)


def _service_config(retried: Sequence[str]) -> dict[str, Any]:
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if retried:
        policy = {
            "maxAttempts": MOST_TRIES,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config["methodConfig"] = [{"name": [_method_name(name) for name in retried], "retryPolicy": policy}]
        config["retryThrottling"] = {"maxTokens": 100, "tokenRatio": 0.5}
    return config


def _method_name(name: str) -> dict[str, str]:
    service, _, method = name.partition("/")
    return {"service": service, "method": method} if method else {"service": service}
