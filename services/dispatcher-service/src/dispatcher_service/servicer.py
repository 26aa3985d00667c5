from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from dispatcher_service.domain import Due, Result, Verdict
from dispatcher_service.service import Dispatcher, count
from heyday.dispatcher.v1 import dispatcher_service_pb2 as pb
from heyday.dispatcher.v1 import dispatcher_service_pb2_grpc as pb_grpc
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from servicekit.clock import Clock
from servicekit.errors import FieldViolation, InvalidArgument

LARGEST_SLICE = 1000

_RESULTS = {verdict: verdict.value.upper() for verdict in Verdict}


class DispatcherServicer(pb_grpc.DispatcherServiceServicer):
    """The gRPC edge."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock, default_deadline_seconds: float) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._default_deadline_seconds = default_deadline_seconds

    async def Dispatch(
        self, request: pb.DispatchRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.DispatchResponse]:
        if len(request.messages) > LARGEST_SLICE:
            raise InvalidArgument([FieldViolation("messages", f"At most {LARGEST_SLICE} messages, not {len(request.messages)}.")])
        # None, whatever its annotation says, for a call without a deadline.
        left = context.time_remaining() or self._default_deadline_seconds
        messages, unreadable = _parse(request.messages)
        if unreadable:
            count(unreadable)
            yield _response(unreadable)
        async for group in self._dispatcher.dispatch(messages, self._clock.monotonic() + left):
            yield _response(group)


def _parse(records: Sequence[bytes]) -> tuple[list[Due], list[Result]]:
    messages: list[Due] = []
    unreadable: list[Result] = []
    for index, record in enumerate(records):
        try:
            messages.append(_due(index, MessageDue.FromString(record)))
        except (DecodeError, ValueError):
            unreadable.append(Result(index, "", Verdict.PERMANENT, reason="unreadable"))
    return messages, unreadable


def _due(index: int, due: MessageDue) -> Due:
    return Due(index, UUID(bytes=due.id), due.kind, due.variant, due.email, due.first_name, due.last_name, due.locale, due.years)


def _response(group: Sequence[Result]) -> pb.DispatchResponse:
    return pb.DispatchResponse(results=[_result(result) for result in group])


def _result(result: Result) -> pb.DispatchResult:
    return pb.DispatchResult(
        index=result.index,
        result=_RESULTS[result.verdict],
        provider=result.provider,
        provider_message_id=result.provider_message_id,
        reason=result.reason,
        detail=result.detail,
        call_count=result.call_count,
        dispatch_time=_timestamp(result.dispatched_at),
        response_time=_timestamp(result.responded_at),
        retry_after=_duration(result.retry_after_seconds),
        unsure=result.unsure,
    )


def _timestamp(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    # Twice as fast as FromDatetime, and there are two for each message.
    return Timestamp(seconds=int(instant.timestamp()), nanos=instant.microsecond * 1000)


def _duration(seconds: float) -> Duration | None:
    return Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9)) if seconds > 0 else None
