"""Trace context through Kafka: in a record's headers, or in a field of its value where headers are too dear."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from servicekit.kafka.records import Headers, Received

TRACEPARENT = "traceparent"
#: More links than this say nothing new, and collectors cut them anyway.
MOST_LINKS = 100

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("servicekit.kafka")


def traceparent() -> str:
    """The current span's W3C traceparent; empty if it is not sampled."""
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        return ""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(TRACEPARENT, "")


def trace_headers() -> Headers:
    """Headers that carry the current span; none if it is not sampled, which keeps the cheap way of producing."""
    value = traceparent()
    return ((TRACEPARENT, value.encode()),) if value else ()


@contextmanager
def consumer_span(name: str, batch: Iterable[Received], traceparents: Iterable[str] = ()) -> Iterator[Span]:
    """One CONSUMER span for a batch, linked to the spans its records (by header, or by the given traceparents) came from."""
    carried = {value.decode("ascii", "replace") for record in batch for key, value in record.headers if key == TRACEPARENT}
    links = [link for value in sorted(carried.union(filter(None, traceparents)))[:MOST_LINKS] if (link := _link(value)) is not None]
    with _tracer.start_as_current_span(name, kind=SpanKind.CONSUMER, links=links) as span:
        yield span


def _link(value: str) -> Link | None:
    context = trace.get_current_span(_propagator.extract({TRACEPARENT: value})).get_span_context()
    return Link(context) if context.is_valid else None
