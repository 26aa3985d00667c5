"""The gRPC edge: proto in, use case, proto out."""

from typing import Any
from uuid import UUID

import grpc.aio

from heyday.notifier.v1 import delivery_pb2, notifier_service_pb2, notifier_service_pb2_grpc
from notifier_service.domain import State
from notifier_service.inquiry import Inquiry
from notifier_service.ports import Page
from notifier_service.wire import dead_letter_message, delivery_message
from occasions.identity import InvalidMessageId, local_date_of
from servicekit import filters, pages
from servicekit.errors import FieldViolation, InvalidArgument, Review

Context = grpc.aio.ServicerContext[Any, Any]

# Of a timestamp, from the year 1 to 9999, as microseconds since 1970.
_EARLIEST_US = -62_135_596_800_000_000
_LATEST_US = 253_402_300_799_999_999


class NotifierServicer(notifier_service_pb2_grpc.NotifierServiceServicer):
    """Tells how each message was sent."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry

    async def GetDelivery(self, request: notifier_service_pb2.GetDeliveryRequest, context: Context) -> delivery_pb2.Delivery:
        entry, attempts = await self._inquiry.delivery(_message_id(request.id))
        return delivery_message(entry, attempts)

    async def ListDeliveries(
        self, request: notifier_service_pb2.ListDeliveriesRequest, context: Context
    ) -> notifier_service_pb2.ListDeliveriesResponse:
        review = Review()
        size = review("pageSize", 0, lambda: pages.size(request.page_size))
        user_id = review("userId", None, lambda: _user_id(request.user_id))
        state = review("state", None, lambda: _state(request.state))
        review.finish()
        wanted = ("deliveries", user_id, state)
        start = pages.start(wanted, request.page_token, _delivery_position) or ()
        found = await self._inquiry.deliveries(Page(size + 1, start), user_id, state)
        page = found[:size]
        token = pages.token(wanted, page[-1].id.hex()) if len(found) > size else ""
        return notifier_service_pb2.ListDeliveriesResponse(deliveries=map(delivery_message, page), next_page_token=token)

    async def GetDeadLetter(self, request: notifier_service_pb2.GetDeadLetterRequest, context: Context) -> delivery_pb2.DeadLetter:
        return dead_letter_message(await self._inquiry.dead_letter(_message_id(request.id)))

    async def ListDeadLetters(
        self, request: notifier_service_pb2.ListDeadLettersRequest, context: Context
    ) -> notifier_service_pb2.ListDeadLettersResponse:
        review = Review()
        size = review("pageSize", 0, lambda: pages.size(request.page_size))
        user_id = review("userId", None, lambda: _user_id(request.user_id))
        reason = review("reason", "", lambda: filters.searchable("reason", request.reason))
        review.finish()
        wanted = ("dead letters", user_id, reason)
        start = pages.start(wanted, request.page_token, _dead_letter_position) or ()
        found = await self._inquiry.dead_letters(Page(size + 1, start), user_id, reason)
        page = found[:size]
        token = pages.token(wanted, page[-1].created_us, page[-1].id.hex()) if len(found) > size else ""
        return notifier_service_pb2.ListDeadLettersResponse(dead_letters=map(dead_letter_message, page), next_page_token=token)


def _delivery_position(message: str) -> tuple[str]:
    id_ = UUID(message)
    local_date_of(id_)  # the list is read by it
    return (id_.hex,)


def _dead_letter_position(created: object, message: str) -> tuple[str, str]:
    return str(pages.number_between(_EARLIEST_US, _LATEST_US, created)), UUID(message).hex


def _message_id(text: str) -> UUID:
    if not text:
        raise InvalidArgument([FieldViolation("id", "The id is missing.")])
    id_ = filters.uuid(text)
    if id_ is None:
        raise InvalidArgument([FieldViolation("id", "An id is 32 hexadecimal digits in groups, as 20260314-1b4e-8f00-8a3c-9d2b6f1e0c57.")])
    try:
        local_date_of(id_)
    except InvalidMessageId as error:
        raise InvalidArgument([FieldViolation("id", f"{error}.")]) from error
    return id_


def _user_id(text: str) -> bytes | None:
    return filters.user_id("userId", text).bytes if text else None


def _state(number: int) -> State | None:
    if number == delivery_pb2.Delivery.STATE_UNSPECIFIED:
        return None
    try:
        return State(delivery_pb2.Delivery.State.Name(number))
    except ValueError:
        raise InvalidArgument([FieldViolation("state", f"There is no state {number}.")]) from None
