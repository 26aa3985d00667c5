"""How errors look to a client: google.rpc.Status with details, and not a word about our insides."""

from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from servicekit.errors import AlreadyExists, DeadlineExceeded, DomainError, InvalidArgument, Unavailable

#: Codes of a service behind us that mean the same to our own client; anything else is our defect.
_PASSED_ON: dict[grpc.StatusCode, type[DomainError]] = {
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


class InternalError(DomainError):
    """Something went wrong on our side. It has been logged under the request's id."""

    code = "INTERNAL"


def as_domain_error(error: Exception) -> DomainError:
    """The error itself if a client can act on it, else InternalError."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, grpc.aio.AioRpcError) and error.code() in _PASSED_ON:
        return _PASSED_ON[error.code()]()
    return InternalError()


def to_status(error: DomainError, service: str, request_id: str = "") -> status_pb2.Status:
    """`service` is the full gRPC service name: the scope in which the error's reason is unique."""
    code: int = grpc.StatusCode[error.code].value[0]
    status = status_pb2.Status(code=code, message=error.message)
    status.details.extend(_pack(detail) for detail in _details(error, service, request_id))
    return status


async def abort(context: "grpc.aio.ServicerContext[Any, Any]", status: status_pb2.Status) -> None:
    """End the call with `status`; raises grpc.aio.AbortError. (grpc.aio has no abort_with_status.)"""
    known = rpc_status.to_status(status)
    await context.abort(known.code, known.details, known.trailing_metadata)


def _details(error: DomainError, service: str, request_id: str) -> Iterator[Message]:
    metadata = error.metadata
    if isinstance(error, AlreadyExists) and error.fields:
        metadata = {"field": ",".join(error.fields), **metadata}
    yield error_details_pb2.ErrorInfo(reason=error.reason, domain=service, metadata=metadata)
    if isinstance(error, InvalidArgument) and error.violations:
        violations = [error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description) for v in error.violations]
        yield error_details_pb2.BadRequest(field_violations=violations)
    if request_id:
        yield error_details_pb2.RequestInfo(request_id=request_id)


def _pack(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
