"""The dispatcher by gRPC: one call per slice, results streamed back."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import grpc
import grpc.aio

from heyday.dispatcher.v1.dispatcher_service_pb2 import DispatchRequest, DispatchResponse
from heyday.dispatcher.v1.dispatcher_service_pb2 import DispatchResult as ResultMessage
from heyday.dispatcher.v1.dispatcher_service_pb2_grpc import DispatcherServiceStub
from notifier_service.domain import Result, Tried
from notifier_service.ports import DispatchCut, DispatchRefused

CONNECT_SECONDS = 2.0

# Said before a server looks at any message; all else may come from the middle of the work.
_TURNED_AWAY = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)

Call = grpc.aio.UnaryStreamCall[DispatchRequest, DispatchResponse]


class GrpcDispatcher:
    """The Dispatcher port.

    A slice surely reached nobody if no connection stood when the call was to be made, or if the status says that it was turned
    away. UNAVAILABLE from a connection that stood is no proof, for the server may have died after it began: its messages are unsure.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._stub = DispatcherServiceStub(channel)
        self._calls: set[Call] = set()

    async def dispatch(self, payloads: Sequence[bytes], timeout_seconds: float) -> AsyncIterator[Sequence[tuple[int, Result]]]:
        waited = await self._connect()
        call: Call = self._stub.Dispatch(DispatchRequest(messages=payloads), timeout=timeout_seconds - waited)
        self._calls.add(call)
        answered = False
        try:
            async for response in call:
                answered = True
                yield [(result.index, result_of(result)) for result in response.results]
        except grpc.aio.AioRpcError as error:
            if error.code() in _TURNED_AWAY and not answered:
                raise DispatchRefused(error.code().name) from error
            raise DispatchCut(error.code().name) from error
        except asyncio.CancelledError:
            if not call.cancelled() or _is_cancelled_itself():
                raise
            raise DispatchCut("CANCELLED") from None
        finally:
            self._calls.discard(call)
            call.cancel()

    def cut(self) -> None:
        for call in tuple(self._calls):
            call.cancel()

    async def _connect(self) -> float:
        """Wait for a connection, a little; return how long that took. Raises DispatchRefused."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._channel.channel_ready()
        except TimeoutError:
            raise DispatchRefused("NOT_CONNECTED") from None
        return loop.time() - began


def _is_cancelled_itself() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def result_of(message: ResultMessage) -> Result:
    """A result this version does not know may have been anything: unsure."""
    return Result(
        tried=_TRIED.get(message.result, Tried.UNSURE),
        provider=_storable(message.provider),
        provider_message_id=_storable(message.provider_message_id),
        reason=_storable(message.reason),
        detail=_storable(message.detail),
        calls=message.call_count,
        dispatched_us=message.dispatch_time.ToMicroseconds() if message.HasField("dispatch_time") else None,
        responded_us=message.response_time.ToMicroseconds() if message.HasField("response_time") else None,
        retry_after_us=message.retry_after.ToMicroseconds(),
        unsure=message.unsure,
    )


def _storable(text: str) -> str:
    """A provider may say anything; Postgres keeps no null characters."""
    return text.replace("\x00", "")


_TRIED = {ResultMessage.Result.Value(tried.value): tried for tried in Tried}
