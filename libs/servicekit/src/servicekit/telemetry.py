"""Logs, metrics and traces of a process, set up once."""

from servicekit.runtime import Component
from servicekit.settings import ServiceSettings


def configure(service: str, settings: ServiceSettings) -> None:
    """Set up JSON logs on stdout and tracing for the process named `service`. Call once, before anything is built."""
    raise NotImplementedError


def metrics_server(settings: ServiceSettings) -> Component:
    """Serves the default Prometheus registry on METRICS_ADDRESS in a thread of its own, and measures the event loop's lag."""
    raise NotImplementedError
