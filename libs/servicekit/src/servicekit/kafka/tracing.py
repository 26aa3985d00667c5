"""Trace context through Kafka: in a record's headers, or in a field of its value where headers are too dear."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

from opentelemetry.trace import Span

from servicekit.kafka.records import Headers, Received


def traceparent() -> str:
    """The current span's W3C traceparent; empty if it is not sampled."""
    raise NotImplementedError


def trace_headers() -> Headers:
    """Headers that carry the current span; none if it is not sampled, which keeps the cheap way of producing."""
    raise NotImplementedError


def consumer_span(name: str, batch: Iterable[Received], traceparents: Iterable[str] = ()) -> AbstractContextManager[Span]:
    """One CONSUMER span for a batch, linked to the spans its records (by header, or by the given traceparents) came from."""
    raise NotImplementedError
