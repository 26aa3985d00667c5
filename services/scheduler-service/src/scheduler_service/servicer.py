"""The gRPC edge: proto in, use case, proto out."""

import re
from datetime import date
from typing import Any
from uuid import UUID

import grpc.aio

from heyday.scheduler.v1 import message_pb2, scheduler_service_pb2, scheduler_service_pb2_grpc
from occasions.civil import CivilDate, InvalidDate
from occasions.identity import InvalidMessageId, local_date_of
from scheduler_service import wire
from scheduler_service.domain import MessageFilter, State
from scheduler_service.ports import JobRunner
from scheduler_service.service import Plan
from servicekit import filters, pages
from servicekit.errors import FieldViolation, InvalidArgument, Review

Context = grpc.aio.ServicerContext[Any, Any]

MOST_REPLAYED = 1000
_LARGEST_INTEGER = 2**31 - 1  # of the columns of epochs and versions
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


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
        review = Review(InvalidDate)
        size = review("pageSize", 0, lambda: pages.size(request.page_size))
        wanted = _filter(review, request)
        review.finish()
        after = pages.start(wanted, request.page_token, lambda day, message: (date.fromisoformat(day), UUID(message)))
        found = await self._plan.messages(wanted, after, size + 1)
        page = found[:size]
        token = pages.token(wanted, page[-1].local_date.isoformat(), str(page[-1].id)) if len(found) > size else ""
        return scheduler_service_pb2.ListMessagesResponse(messages=map(wire.to_message, page), next_page_token=token)

    async def ListReplans(
        self, request: scheduler_service_pb2.ListReplansRequest, context: Context
    ) -> scheduler_service_pb2.ListReplansResponse:
        review = Review()
        size = review("pageSize", 0, lambda: pages.size(request.page_size))
        user_id = review("userId", UUID(int=0), lambda: filters.user_id("userId", request.user_id))
        review.finish()
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


def _filter(review: Review, request: scheduler_service_pb2.ListMessagesRequest) -> MessageFilter:
    return MessageFilter(
        user_id=review("userId", None, lambda: filters.user_id("userId", request.user_id) if request.user_id else None),
        state=review("state", None, lambda: _state(request.state) if request.state else None),
        local_date=review("localDate", None, lambda: _local_date(request.local_date) if request.local_date else None),
        kind=review("kind", None, lambda: filters.searchable("kind", request.kind) or None),
    )


def _replan_position(epoch: object, version: object) -> tuple[int, int]:
    return pages.number_between(0, _LARGEST_INTEGER, epoch), pages.number_between(0, _LARGEST_INTEGER, version)


def _state(number: int) -> State:
    known = message_pb2.Message.State.DESCRIPTOR.values_by_number.get(number)
    if known is None:
        raise _violation("state", f"{number} is no state of a message.")
    return State(known.name)


def _local_date(text: str) -> date:
    if not _DATE.fullmatch(text):  # a CivilDate may lack its year
        raise _violation("localDate", "The local date is written YYYY-MM-DD, such as 2026-12-30.")
    return date.fromisoformat(str(CivilDate.parse(text)))


def _message_id(text: str, field: str) -> UUID:
    message_id = filters.uuid(text)
    try:
        if message_id is not None:
            local_date_of(message_id)
            return message_id
    except InvalidMessageId:
        pass
    raise _violation(field, "This is not the id of a message: one looks like 20261230-1c2d-8e3f-8a4b-5c6d7e8f9a0b.")


def _violation(field: str, description: str) -> InvalidArgument:
    return InvalidArgument([FieldViolation(field, description)])
