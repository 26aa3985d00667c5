"""The gRPC edge: proto in, use case, proto out."""

from datetime import date
from typing import Any
from uuid import UUID

import grpc.aio

from heyday.scheduler.v1 import message_pb2, scheduler_service_pb2, scheduler_service_pb2_grpc
from occasions.identity import InvalidMessageId, local_date_of
from scheduler_service import wire
from scheduler_service.domain import MessageFilter, State
from scheduler_service.ports import JobRunner
from scheduler_service.service import Plan
from servicekit import pages
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.filters import searchable

Context = grpc.aio.ServicerContext[Any, Any]

MOST_REPLAYED = 1000
_LARGEST_INTEGER = 2**31 - 1  # of the columns of epochs and versions


class SchedulerServicer(scheduler_service_pb2_grpc.SchedulerServiceServicer):
    """Messages, what changes of users did to them, and the jobs."""

    def __init__(self, plan: Plan, jobs: JobRunner) -> None:
        self._plan = plan
        self._jobs = jobs

    async def GetMessage(self, request: scheduler_service_pb2.GetMessageRequest, context: Context) -> message_pb2.Message:
        return wire.to_message(await self._plan.message(_message_id(request.id, "id")))

    async def ListMessages(
        self, request: scheduler_service_pb2.ListMessagesRequest, context: Context
    ) -> scheduler_service_pb2.ListMessagesResponse:
        size, wanted = pages.size(request.page_size), _filter(request)
        after = pages.start(wanted, request.page_token, lambda day, message: (date.fromisoformat(day), UUID(message)))
        found = await self._plan.messages(wanted, after, size + 1)
        page = found[:size]
        token = pages.token(wanted, page[-1].local_date.isoformat(), str(page[-1].id)) if len(found) > size else ""
        return scheduler_service_pb2.ListMessagesResponse(messages=map(wire.to_message, page), next_page_token=token)

    async def ListReplans(
        self, request: scheduler_service_pb2.ListReplansRequest, context: Context
    ) -> scheduler_service_pb2.ListReplansResponse:
        size, user_id = pages.size(request.page_size), _user_id(request.user_id, "userId")
        after = pages.start(("replans", user_id), request.page_token, _replan_position)
        found = await self._plan.replans(user_id, after, size + 1)
        page = found[:size]
        token = pages.token(("replans", user_id), page[-1].epoch, page[-1].version) if len(found) > size else ""
        return scheduler_service_pb2.ListReplansResponse(replans=map(wire.to_replan, page), next_page_token=token)

    async def GetJob(self, request: scheduler_service_pb2.GetJobRequest, context: Context) -> scheduler_service_pb2.Job:
        return wire.to_job(await self._jobs.get(request.id))

    async def ListJobs(self, request: scheduler_service_pb2.ListJobsRequest, context: Context) -> scheduler_service_pb2.ListJobsResponse:
        return scheduler_service_pb2.ListJobsResponse(jobs=map(wire.to_job, await self._jobs.list()))

    async def RunJob(self, request: scheduler_service_pb2.RunJobRequest, context: Context) -> scheduler_service_pb2.Job:
        return wire.to_job(await self._jobs.run(request.id))

    async def ReplayMessages(
        self, request: scheduler_service_pb2.ReplayMessagesRequest, context: Context
    ) -> scheduler_service_pb2.ReplayMessagesResponse:
        if len(request.ids) > MOST_REPLAYED:
            raise _violation("ids", f"There are {len(request.ids)} ids: at most {MOST_REPLAYED} are allowed.")
        ids = [_message_id(text, f"ids[{place}]") for place, text in enumerate(request.ids)]
        replayed, refused = await self._plan.replay(list(dict.fromkeys(ids)))
        return scheduler_service_pb2.ReplayMessagesResponse(
            replayed_ids=map(str, replayed), refused={str(message_id): why for message_id, why in refused.items()}
        )


def _filter(request: scheduler_service_pb2.ListMessagesRequest) -> MessageFilter:
    return MessageFilter(
        user_id=_user_id(request.user_id, "userId") if request.user_id else None,
        state=_state(request.state) if request.state else None,
        local_date=_local_date(request.local_date) if request.local_date else None,
        kind=searchable("kind", request.kind) or None,
    )


def _replan_position(epoch: object, version: object) -> tuple[int, int]:
    return pages.number_between(0, _LARGEST_INTEGER, epoch), pages.number_between(0, _LARGEST_INTEGER, version)


def _state(number: int) -> State:
    known = message_pb2.Message.State.DESCRIPTOR.values_by_number.get(number)
    if known is None:
        raise _violation("state", f"{number} is no state of a message.")
    return State(known.name)


def _local_date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:  # it also reads 20261230 and 2026-W53-3
        raise _violation("localDate", "The local date is written YYYY-MM-DD, such as 2026-12-30.")
    return found


def _message_id(text: str, field: str) -> UUID:
    message_id = _uuid(text)
    try:
        if message_id is not None:
            local_date_of(message_id)
            return message_id
    except InvalidMessageId:
        pass
    raise _violation(field, "This is not the id of a message: one looks like 20261230-1c2d-8e3f-8a4b-5c6d7e8f9a0b.")


def _user_id(text: str, field: str) -> UUID:
    user_id = _uuid(text)
    if user_id is None:
        raise _violation(field, "This is not the id of a user: one looks like 01932c07-20a4-7cd1-8000-2b1f4a5e6d7c.")
    return user_id


def _uuid(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None  # it also reads {...} and urn:uuid:...


def _violation(field: str, description: str) -> InvalidArgument:
    return InvalidArgument([FieldViolation(field, description)])
