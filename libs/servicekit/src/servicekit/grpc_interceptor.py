"""What happens around every call that is served: context, metrics, and errors a client can act on."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
import structlog

from servicekit import grpc_context
from servicekit.clock import monotonic, perf_counter
from servicekit.errors import ResourceExhausted
from servicekit.grpc_context import RequestContext
from servicekit.grpc_metrics import MethodMetrics, kind_of
from servicekit.grpc_status import InternalError, abort, as_domain_error, to_status

_UNWATCHED = ("/grpc.health.", "/grpc.reflection.")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_CODE_NAMES = {key: code.name for code in grpc.StatusCode for key in (code, code.value[0])}

_log = structlog.get_logger()

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # quoted: generic in the stubs only
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]]
Around = Callable[[Any], AbstractAsyncContextManager[None]]


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Goes around each call of each method but health and reflection."""

    def __init__(self, most_calls: int) -> None:
        self._calls = _Calls(most_calls)
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        method = handler_call_details.method
        if method in self._wrapped:
            return self._wrapped[method]
        handler = await continuation(handler_call_details)
        if handler is None or method.startswith(_UNWATCHED):
            return handler
        return self._wrapped.setdefault(method, _wrap(handler, _Method(method, kind_of(handler), self._calls).around))


class _Calls:
    """The calls of all methods that are being served.

    gRPC's own limit would refuse health checks too, and so have a busy server killed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        if self._now >= self._most:
            raise ResourceExhausted("This server is at its limit of concurrent calls: try again shortly.")
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1


class _Method:
    """One method, and what goes around its calls."""

    def __init__(self, path: str, kind: str, calls: _Calls) -> None:
        self._calls = calls
        _, self.service, method = path.split("/", 2)
        self.path = path
        self.metrics = MethodMetrics(kind, self.service, method)

    @asynccontextmanager
    async def around(self, context: "grpc.aio.ServicerContext[Any, Any]") -> AsyncIterator[None]:
        request = _request_context(context)
        began = perf_counter()
        code = "UNKNOWN"
        self.metrics.begin()
        with grpc_context.serving(request), structlog.contextvars.bound_contextvars(request_id=request.request_id):
            try:
                with self._calls.one_more():
                    yield
                code = _code_set_by(context)
            except grpc.aio.AbortError:
                code = _code_set_by(context)
                raise
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except Exception as error:
                known = as_domain_error(error)
                code = known.code
                if isinstance(known, InternalError):
                    _log.exception("grpc.failed", method=self.path)
                await abort(context, to_status(known, self.service, request.request_id))
            finally:
                self.metrics.end(code, perf_counter() - began)


def _request_context(context: "grpc.aio.ServicerContext[Any, Any]") -> RequestContext:
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    given = metadata.get(grpc_context.REQUEST_ID_KEY, "")
    remaining = cast(float | None, context.time_remaining())  # None without a deadline, whatever the stubs say
    return RequestContext(
        request_id=given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex,
        identity=metadata.get(grpc_context.IDENTITY_KEY, ""),
        roles=frozenset(filter(None, metadata.get(grpc_context.ROLES_KEY, "").split(","))),
        deadline=None if remaining is None else monotonic() + remaining,
    )


def _code_set_by(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    # At run time this is what was set, a StatusCode or its number, and None until something is, whatever the stubs say.
    code: Any = context.code()
    return _CODE_NAMES.get(code or 0, "UNKNOWN")


def _wrap(handler: Handler, around: Around) -> Handler:
    if handler.response_streaming:
        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream
        make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        behavior: Any = _streaming(inner, around)
    else:
        inner = handler.stream_unary if handler.request_streaming else handler.unary_unary
        make = grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        behavior = _unary(inner, around)
    return make(behavior, handler.request_deserializer, handler.response_serializer)


def _unary(inner: Any, around: Around) -> Callable[[Any, Any], Awaitable[Any]]:
    async def behave(request: Any, context: Any) -> Any:
        async with around(context):
            return await inner(request, context)

    return behave


def _streaming(inner: Any, around: Around) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def behave(request: Any, context: Any) -> AsyncIterator[Any]:
        async with around(context), aclosing(inner(request, context)) as responses:
            async for response in responses:
                yield response

    return behave
