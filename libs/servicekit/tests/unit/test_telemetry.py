import asyncio
import time
import urllib.request

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from servicekit.kafka import Partition, Received, consumer_span, trace_headers, traceparent, tracing
from servicekit.telemetry import LAG_EVERY_SECONDS, MetricsServer


async def test_metrics_are_served_while_the_part_lives() -> None:
    server = MetricsServer("127.0.0.1:0")
    await server.start()
    url = f"http://127.0.0.1:{server.port}/metrics"
    body = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).read())
    assert b"process_cpu_seconds_total" in body
    await server.stop()
    assert server.port == 0


async def test_a_blocked_event_loop_shows() -> None:
    def lag() -> float:
        return REGISTRY.get_sample_value("event_loop_lag_seconds_sum") or 0

    server = MetricsServer("127.0.0.1:0")
    await server.start()
    before = lag()
    await asyncio.sleep(0)
    time.sleep(LAG_EVERY_SECONDS + 0.3)  # noqa: ASYNC251 # blocking is what is measured
    await asyncio.sleep(0.01)
    await server.stop()
    assert lag() - before > 0.2


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    return exporter


def test_without_a_sampled_span_records_carry_no_headers() -> None:
    assert (traceparent(), trace_headers()) == ("", ())


def test_a_batch_is_one_span_linked_to_where_its_records_came_from(spans: InMemorySpanExporter) -> None:
    with tracing._tracer.start_as_current_span("edit") as edit:
        headers, carried = trace_headers(), traceparent()
    assert carried.startswith("00-")
    assert headers == (("traceparent", carried.encode()),)
    batch = [Received(Partition("topic", 0), offset, 0, b"", b"", headers) for offset in range(3)]
    unreadable = Received(Partition("topic", 0), 3, 0, b"", b"", (("traceparent", b"nonsense"),))
    with consumer_span("consume", [*batch, unreadable], [carried, ""]):
        assert trace.get_current_span().is_recording()
    consumed = spans.get_finished_spans()[-1]
    assert (consumed.name, consumed.kind) == ("consume", trace.SpanKind.CONSUMER)
    assert [link.context.trace_id for link in consumed.links] == [edit.get_span_context().trace_id]
