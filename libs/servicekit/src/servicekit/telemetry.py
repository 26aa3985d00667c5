"""Logs, metrics and traces of a process, set up once."""

import asyncio
from contextlib import suppress
from wsgiref.simple_server import WSGIServer

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from prometheus_client import Gauge, Histogram, start_http_server

from servicekit.clock import monotonic
from servicekit.logs import configure_logs
from servicekit.settings import ServiceSettings

LAG_EVERY_SECONDS = 0.5
LOOP_LAG = Histogram(
    "event_loop_lag_seconds",
    "How late the event loop comes back to a sleeping task: above some milliseconds something blocks it.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
PROCESS = Gauge("process_part_of", "1; tells which service and environment this process is part of.", ["service", "environment"])

_log = structlog.get_logger()


def configure(service: str, settings: ServiceSettings) -> None:
    """Set up JSON logs on stdout and tracing for the process named `service`. Call once, before anything is built."""
    configure_logs(service, settings)
    PROCESS.labels(service, settings.environment.value).set(1)
    if settings.otlp_endpoint:
        _send_traces(service, settings)


class MetricsServer:
    """A Component that serves the default Prometheus registry in a thread of its own, and measures the event loop's lag."""

    name = "metrics-server"

    def __init__(self, address: str) -> None:
        self._address = address
        self._server: WSGIServer | None = None
        self._measuring: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is served; 0: not started, or stopped."""
        return 0 if self._server is None else self._server.server_port

    async def start(self) -> None:
        host, _, port = self._address.rpartition(":")
        self._server, _ = start_http_server(int(port), host)
        self._measuring = asyncio.create_task(_measure_lag())

    async def wait(self) -> None:
        if self._measuring is not None:
            await asyncio.shield(self._measuring)

    async def stop(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
            with suppress(asyncio.CancelledError):
                await self._measuring
        if self._server is not None:
            await asyncio.to_thread(self._server.shutdown)
            self._server.server_close()
            self._server = None


def metrics_server(settings: ServiceSettings) -> MetricsServer:
    """Serves metrics on METRICS_ADDRESS."""
    return MetricsServer(settings.metrics_address)


async def _measure_lag() -> None:
    while True:
        due = monotonic() + LAG_EVERY_SECONDS
        await asyncio.sleep(LAG_EVERY_SECONDS)
        LOOP_LAG.observe(max(0.0, monotonic() - due))


def _send_traces(service: str, settings: ServiceSettings) -> None:
    provider = TracerProvider(
        resource=Resource.create(
            {
                "service.name": service,
                "service.instance.id": settings.instance_name,
                "deployment.environment.name": settings.environment.value,
            }
        ),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_sample_share)),
    )
    insecure = not settings.otlp_endpoint.startswith("https:")
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=insecure)))
    trace.set_tracer_provider(provider)
