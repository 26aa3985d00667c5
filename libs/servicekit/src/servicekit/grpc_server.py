"""A gRPC server with health, state, reflection, limits, and errors a client can act on."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry.instrumentation.grpc import aio_server_interceptor, filters

from heyday.status.v1 import status_service_pb2_grpc
from servicekit import status
from servicekit.grpc_interceptor import CallInterceptor
from servicekit.grpc_tls import RenewedFiles
from servicekit.readiness import Readiness
from servicekit.settings import ServiceSettings

LIVENESS = "liveness"
READINESS = "readiness"
#: Below a client's keepalive time, else it is sent away with "too_many_pings".
PING_INTERVAL_MS = 10_000

_log = structlog.get_logger()

Registration = Callable[[grpc.aio.Server], None]


class GrpcServer:
    """A Component that serves the servicers which `registrations` add: `lambda s: pb2_grpc.add_FooServicer_to_server(servicer, s)`.

    `reflected` are full names of services shown by reflection (`DESCRIPTOR.services_by_name["Foo"].full_name`). Health answers for the
    service names `liveness` (the process serves) and `readiness` and "" (all its parts are ready), StatusService in detail. A DomainError
    becomes its status with google.rpc details; any other exception becomes INTERNAL without a word of its message, and is logged with its
    trace id. Servicers' streaming methods are async generators. With TLS, by the settings, only clients with a certificate are let in.
    """

    name = "grpc-server"

    def __init__(
        self,
        settings: ServiceSettings,
        registrations: Sequence[Registration],
        *,
        readiness: Readiness,
        reflected: Sequence[str] = (),
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        self._settings = settings
        self._registrations = registrations
        self._readiness = readiness
        self._reflected = reflected
        self._interceptors = interceptors
        self._health = health.aio.HealthServicer()
        self._status = status.StatusServicer(settings, readiness)
        self._server: grpc.aio.Server | None = None
        self._plain_health: grpc.aio.Server | None = None
        self._following: asyncio.Task[None] | None = None
        #: The port that is served, once started.
        self.port = 0
        #: The port of health without TLS, once started; 0: none.
        self.health_port = 0

    async def start(self) -> None:
        self._server = grpc.aio.server(
            interceptors=[*_tracing(self._settings), CallInterceptor(self._settings.grpc_max_concurrent_calls), *self._interceptors],
            options=_options(self._settings),
        )
        for register in (*self._registrations, self._register_own):
            register(self._server)
        if self._settings.serves_reflection:
            reflected = [*self._reflected, status.SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME]
            reflection.enable_server_reflection(reflected, self._server)
        self.port = _open_port(self._server, self._settings)
        await self._health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self._tell_readiness()
        await self._server.start()
        await self._serve_plain_health()
        self._following = asyncio.create_task(self._follow_readiness())
        _log.info("grpc.serving", port=self.port)

    async def wait(self) -> None:
        if self._server is not None:
            # Shielded: a cancelled watch would cancel the one future that `stop` waits for as well.
            await asyncio.shield(self._server.wait_for_termination())

    async def stop(self) -> None:
        """Not ready; wait until endpoints have been withdrawn; take no new calls and finish those in flight."""
        if self._server is None or self._following is None:
            return
        self._readiness.drain()
        await self._tell_readiness()
        await asyncio.sleep(self._settings.shutdown_delay_seconds)
        await self._server.stop(self._settings.shutdown_grace_seconds)
        self._following.cancel()
        if self._plain_health is not None:
            await self._plain_health.stop(None)

    async def _serve_plain_health(self) -> None:
        if self._settings.grpc_health_address:
            self._plain_health = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._plain_health)
            self.health_port = self._plain_health.add_insecure_port(self._settings.grpc_health_address)
            await self._plain_health.start()

    def _register_own(self, server: grpc.aio.Server) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        status_service_pb2_grpc.add_StatusServiceServicer_to_server(self._status, server)

    async def _follow_readiness(self) -> None:
        while True:
            changed = self._readiness.next_change()
            await self._tell_readiness()
            await changed.wait()

    async def _tell_readiness(self) -> None:
        answer = health_pb2.HealthCheckResponse
        status = answer.SERVING if self._readiness.ready else answer.NOT_SERVING
        for name in ("", READINESS):
            await self._health.set(name, status)


def _open_port(server: grpc.aio.Server, settings: ServiceSettings) -> int:
    if settings.grpc_tls is None:
        return server.add_insecure_port(settings.grpc_address)
    return server.add_secure_port(settings.grpc_address, RenewedFiles(settings.grpc_tls).server_credentials())


def _tracing(settings: ServiceSettings) -> list[grpc.aio.ServerInterceptor]:
    if not settings.otlp_endpoint:
        return []
    # Around Health.Watch this interceptor breaks the stream, and clients see the server as unavailable for ever.
    watched = filters.negate(filters.any_of(filters.health_check(), filters.service_prefix("grpc.reflection")))
    return [aio_server_interceptor(filter_=watched)]  # type: ignore[no-untyped-call]


def _options(settings: ServiceSettings) -> list[tuple[str, Any]]:
    return [
        # A second server on the port should fail, not share its calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.grpc_max_message_bytes),
        ("grpc.max_send_message_length", settings.grpc_max_message_bytes),
        ("grpc.max_connection_age_ms", int(settings.grpc_max_connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", int(settings.shutdown_grace_seconds * 1000)),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_INTERVAL_MS),
    ]
