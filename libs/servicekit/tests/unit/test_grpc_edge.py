"""Server, interceptors and client together, over a service made of bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from prometheus_client import REGISTRY

from servicekit import errors, grpc_context
from servicekit.grpc_client import channel
from servicekit.grpc_server import GrpcServer
from servicekit.readiness import Readiness
from servicekit.settings import Environment, ServiceSettings
from servicekit.testing import grpc_channel, wait_until

Behave = Callable[[bytes, Any], Any]


def _method(client: grpc.aio.Channel, path: str) -> "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]":
    return client.unary_unary(path, bytes, bytes)


def _register(**methods: Behave) -> Callable[[grpc.aio.Server], None]:
    def handler(name: str, behave: Behave) -> "grpc.RpcMethodHandler[bytes, bytes]":
        if name.startswith("Stream"):
            return grpc.unary_stream_rpc_method_handler(behave)
        return grpc.unary_unary_rpc_method_handler(behave)

    handlers = {name: handler(name, behave) for name, behave in methods.items()}
    return lambda server: server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", handlers)])


async def _raise(error: Exception) -> grpc.aio.AioRpcError:
    async def behave(request: bytes, context: Any) -> bytes:
        raise error

    async with grpc_channel([_register(Fail=behave)]) as client:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await _method(client, "/test.Echo/Fail")(b"")
    return raised.value


def _details(error: grpc.aio.AioRpcError, kind: Any) -> Any:
    status = rpc_status.from_call(error)
    assert status is not None
    for packed in status.details:
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None


class StaleThing(errors.Aborted):
    """The thing has changed meanwhile."""


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (errors.NotFound(), grpc.StatusCode.NOT_FOUND, "The resource does not exist."),
        (errors.NotFound("No such thing."), grpc.StatusCode.NOT_FOUND, "No such thing."),
        (StaleThing(), grpc.StatusCode.ABORTED, "The thing has changed meanwhile."),
        (errors.FailedPrecondition(), grpc.StatusCode.FAILED_PRECONDITION, "The resource is not in a state that allows this."),
        (errors.PermissionDenied(), grpc.StatusCode.PERMISSION_DENIED, "The caller may not do this."),
        (errors.Unauthenticated(), grpc.StatusCode.UNAUTHENTICATED, "The caller has not said who it is."),
        (errors.ResourceExhausted(), grpc.StatusCode.RESOURCE_EXHAUSTED, "A limit is reached: try again later."),
        (errors.Unavailable(), grpc.StatusCode.UNAVAILABLE, "A part that is needed does not answer: try again shortly."),
        (errors.DeadlineExceeded(), grpc.StatusCode.DEADLINE_EXCEEDED, "The time allowed for the request is over."),
    ],
)
async def test_a_domain_error_becomes_its_status(error: errors.DomainError, code: grpc.StatusCode, message: str) -> None:
    raised = await _raise(error)
    assert (raised.code(), raised.details()) == (code, message)
    assert _details(raised, error_details_pb2.ErrorInfo).domain == "test.Echo"


async def test_the_reason_is_the_errors_name_and_carries_its_facts() -> None:
    info = _details(await _raise(StaleThing(metadata={"version": "7"})), error_details_pb2.ErrorInfo)
    assert (info.reason, dict(info.metadata)) == ("STALE_THING", {"version": "7"})


async def test_mistakes_are_told_by_field_and_together() -> None:
    violations = [errors.FieldViolation("user.birthday", "It is in the future."), errors.FieldViolation("user.email", "It lacks an @.")]
    raised = await _raise(errors.InvalidArgument(violations))
    assert raised.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert raised.details() == "It is in the future. It lacks an @."
    told = _details(raised, error_details_pb2.BadRequest).field_violations
    assert [(each.field, each.description) for each in told] == [(each.field, each.description) for each in violations]


@pytest.mark.parametrize(("fields", "told"), [(["external_id"], "external_id"), (["email", "external_id"], "email,external_id")])
async def test_what_exists_already_names_the_fields(fields: list[str], told: str) -> None:
    info = _details(await _raise(errors.AlreadyExists(fields=fields)), error_details_pb2.ErrorInfo)
    assert dict(info.metadata) == {"field": told}


async def test_anything_unexpected_is_internal_and_tells_nothing_but_the_requests_id() -> None:
    raised = await _raise(RuntimeError("SELECT secret FROM users"))
    assert raised.code() == grpc.StatusCode.INTERNAL
    assert "SELECT" not in str(raised)
    assert _details(raised, error_details_pb2.RequestInfo).request_id


async def test_a_status_the_servicer_sets_itself_stays() -> None:
    async def behave(request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
        return b""

    async with grpc_channel([_register(Own=behave)]) as client:
        with pytest.raises(grpc.aio.AioRpcError, match="not here") as raised:
            await _method(client, "/test.Echo/Own")(b"")
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert _handled("Own", "Unimplemented") == 1


async def test_a_stream_gives_what_it_has_and_then_its_error() -> None:
    async def behave(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"1"
        yield b"2"
        raise errors.Unavailable

    async with grpc_channel([_register(StreamFail=behave)]) as client:
        responses = aiter(client.unary_stream("/test.Echo/StreamFail", bytes, bytes)(b""))
        assert [await anext(responses), await anext(responses)] == [b"1", b"2"]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await anext(responses)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert _handled("StreamFail", "Unavailable", "server_stream") == 1


async def test_calls_are_counted_under_the_public_names() -> None:
    async def behave(request: bytes, context: Any) -> bytes:
        return request

    async with grpc_channel([_register(Count=behave)]) as client:
        await _method(client, "/test.Echo/Count")(b"x")
    labels = {"grpc_type": "unary", "grpc_service": "test.Echo", "grpc_method": "Count"}
    assert REGISTRY.get_sample_value("grpc_server_started_total", labels) == 1
    assert REGISTRY.get_sample_value("grpc_server_handling_seconds_count", labels) == 1
    assert _handled("Count", "OK") == 1


def _handled(method: str, code: str, kind: str = "unary") -> float | None:
    labels = {"grpc_type": kind, "grpc_service": "test.Echo", "grpc_method": method, "grpc_code": code}
    return REGISTRY.get_sample_value("grpc_server_handled_total", labels)


async def _context_of(request: bytes, context: Any) -> bytes:
    known = grpc_context.current()
    left = known.seconds_left()
    return json.dumps([known.request_id, known.identity, sorted(known.roles), left]).encode()


async def test_who_asks_under_which_id_and_until_when_is_known_to_the_servicer_and_passed_on() -> None:
    async with grpc_channel([_register(Context=_context_of)]) as inner:

        async def pass_on(request: bytes, context: Any) -> bytes:
            answer: bytes = await _method(inner, "/test.Echo/Context")(request)
            return answer

        async with grpc_channel([_register(PassOn=pass_on)]) as outer:
            metadata = (("x-request-id", "req-1"), ("x-identity", "ops"), ("x-roles", "write,read"))
            answer = await _method(outer, "/test.Echo/PassOn")(b"", timeout=2, metadata=metadata)
    request_id, identity, roles, left = json.loads(answer)
    assert (request_id, identity, roles) == ("req-1", "ops", ["read", "write"])
    assert 1 < left < 2


@pytest.mark.parametrize("given", ["", "a b", "x" * 200, '"quoted"'])
async def test_a_request_id_that_is_none_is_replaced(given: str) -> None:
    async with grpc_channel([_register(Context=_context_of)]) as client:
        answer = await _method(client, "/test.Echo/Context")(b"", metadata=(("x-request-id", given),))
    assert len(json.loads(answer)[0]) == 32


async def test_outside_of_a_request_there_is_no_context() -> None:
    assert grpc_context.current() == grpc_context.RequestContext()


async def test_a_call_without_a_limit_gets_one() -> None:
    async with grpc_channel([_register(Context=_context_of)]) as client:
        assert 5 < json.loads(await _method(client, "/test.Echo/Context")(b""))[3] <= 10.5


async def test_an_idempotent_call_is_tried_again_when_the_server_was_unavailable() -> None:
    calls = 0

    async def flaky(request: bytes, context: Any) -> bytes:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise errors.Unavailable
        return b"done"

    server = _server(_register(Get=flaky, Create=flaky))
    await server.start()
    async with channel(f"127.0.0.1:{server.port}", retried=["test.Echo/Get"]) as client:
        assert await _method(client, "/test.Echo/Get")(b"") == b"done"
        calls = 0
        with pytest.raises(grpc.aio.AioRpcError):
            await _method(client, "/test.Echo/Create")(b"")
    await server.stop()
    assert calls == 1


def _server(*registrations: Callable[[grpc.aio.Server], None], readiness: Readiness | None = None, **settings: Any) -> GrpcServer:
    defaults = {"environment": Environment.TEST, "grpc_address": "127.0.0.1:0", "shutdown_grace_seconds": 2}
    return GrpcServer(ServiceSettings.model_validate(defaults | settings), registrations, readiness=readiness or Readiness())


async def test_health_tells_liveness_and_readiness_apart() -> None:
    readiness = Readiness()
    readiness.expect("database")
    server = _server(readiness=readiness)
    await server.start()
    async with channel(f"127.0.0.1:{server.port}") as client:
        health = health_pb2_grpc.HealthStub(client)

        async def serving(service: str) -> bool:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        assert [await serving(name) for name in ("liveness", "readiness", "")] == [True, False, False]
        readiness.set("database", True)
        await wait_until(lambda: serving("readiness"))
        readiness.drain()
        await wait_until(lambda: _not(serving("readiness")))
        assert await serving("liveness")
    await server.stop()


async def _not(answer: Any) -> bool:
    return not await answer


async def test_a_server_at_its_limit_refuses_calls_but_not_health_checks() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def behave(request: bytes, context: Any) -> bytes:
        entered.set()
        await leave.wait()
        return b"finished"

    server = _server(_register(Busy=behave), grpc_max_concurrent_calls=1)
    await server.start()
    async with channel(f"127.0.0.1:{server.port}") as client:
        call = _method(client, "/test.Echo/Busy")
        in_flight = asyncio.ensure_future(call(b""))
        await entered.wait()
        with pytest.raises(grpc.aio.AioRpcError, match="at its limit of concurrent calls"):
            await call(b"")
        await health_pb2_grpc.HealthStub(client).Check(health_pb2.HealthCheckRequest(service="liveness"))
        leave.set()
        assert await in_flight == b"finished"
        assert await call(b"") == b"finished"
    await server.stop()


async def test_a_stop_finishes_what_is_in_flight_and_takes_no_more() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def behave(request: bytes, context: Any) -> bytes:
        entered.set()
        await leave.wait()
        return b"finished"

    server = _server(_register(Slow=behave))
    await server.start()
    async with channel(f"127.0.0.1:{server.port}") as client:
        call = _method(client, "/test.Echo/Slow")
        in_flight = asyncio.ensure_future(call(b""))
        await entered.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.1)
        leave.set()
        assert await in_flight == b"finished"
        await stopping
        with pytest.raises(grpc.aio.AioRpcError):
            await call(b"", timeout=0.2)


async def test_a_port_that_is_taken_is_an_error() -> None:
    first = _server()
    await first.start()
    with pytest.raises(RuntimeError):
        await _server(grpc_address=f"127.0.0.1:{first.port}").start()
    await first.stop()
