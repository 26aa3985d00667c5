"""JSON logs on stdout: event names with fields, trace ids, and nothing that identifies a person."""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson
import structlog
from opentelemetry import trace
from prometheus_client import Counter

from servicekit.settings import ServiceSettings

REMOVED = "[removed]"
#: Fields that would name a person or tell of one. A record with such a field is written without its value, and counted: a defect to mend.
PERSONAL_FIELDS = frozenset(
    (
        *("address", "anniversary", "birthday", "display_name", "email", "first_name", "last_name", "name", "phone", "recipient", "to"),
        *("body", "html", "subject", "text"),
    )
)
REMOVED_FIELDS = Counter("log_personal_fields_removed_total", "Values kept out of the logs because their field is personal.", ["field"])

Event = MutableMapping[str, Any]


def configure_logs(service: str, settings: ServiceSettings) -> None:
    """Send structlog's and the standard library's records to stdout, one JSON object a line."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso"),
        _Origin(service, settings.instance_name),
        _add_trace,
        ErrorFields(with_messages=settings.environment.allows_rehearsal),
        remove_personal_fields,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    render = structlog.processors.JSONRenderer(serializer=lambda event, **options: _dump(event, **options).decode())
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_without_meta, render]))
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)


class _Origin:
    def __init__(self, service: str, instance: str) -> None:
        self._fields = {"service": service, "instance": instance}

    def __call__(self, logger: object, method: str, event: Event) -> Event:
        event.update(self._fields)
        return event


class ErrorFields:
    """Turns `exc_info` into the kinds of the errors and where they were raised.

    Their messages are added in development and test only: a database's or a parser's often quotes what it was given.
    """

    def __init__(self, with_messages: bool) -> None:
        self._with_messages = with_messages

    def __call__(self, logger: object, method: str, event: Event) -> Event:
        error = event.pop("exc_info", None)
        if error is True:
            error = sys.exc_info()[1]
        elif isinstance(error, tuple):
            error = error[1]
        if isinstance(error, BaseException):
            event["error"] = [self._describe(each) for each in _chain(error)]
            event["raised_at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
        return event

    def _describe(self, error: BaseException) -> str:
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        return f"{kind}: {error}" if self._with_messages else kind


def remove_personal_fields(logger: object, method: str, event: Event) -> Event:
    for field in PERSONAL_FIELDS & event.keys():
        REMOVED_FIELDS.labels(field).inc()
        event[field] = REMOVED
    for field, value in event.items():
        if isinstance(value, Mapping):
            event[field] = remove_personal_fields(logger, method, dict(value))
    return event


def _add_trace(logger: object, method: str, event: Event) -> Event:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and what caused it, the outermost first; of a group also its members."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        if isinstance(error, BaseExceptionGroup):
            chain.extend(part for member in error.exceptions for part in _chain(member))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain


def _without_meta(logger: object, method: str, event: Event) -> Event:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(None, method, event)


def _dump(event: Event, **_: Any) -> bytes:
    return orjson.dumps(event, default=str)
