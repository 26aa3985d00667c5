from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from heyday.scheduler.v1 import message_pb2, scheduler_service_pb2, scheduler_service_pb2_grpc
from scheduler_service.domain import JobRun, JobStatus, RunResult, State
from scheduler_service.jobs import JobAlreadyRunning, UnknownJob
from scheduler_service.service import Plan
from scheduler_service.servicer import SchedulerServicer
from scheduler_service.testing import ADA, DAY, Desk, MemoryWorld, person
from servicekit import pages
from servicekit.testing import grpc_channel

pb = scheduler_service_pb2
HOUR = timedelta(hours=1)
EVE = DAY - 20 * HOUR
RUN = JobRun(DAY, DAY, DAY + timedelta(seconds=1.5), RunResult.SUCCEEDED, {"planned": 3}, "", manual=True)


class Jobs:
    """Jobs whose runs are known beforehand."""

    def __init__(self) -> None:
        self.statuses = {
            "emit": JobStatus("emit", True, "* * * * *", DAY, None),
            "plan": JobStatus("plan", False, "0 0 * * *", None, RUN),
        }

    async def list(self) -> list[JobStatus]:
        return [*self.statuses.values()]

    async def get(self, job: str) -> JobStatus:
        if job not in self.statuses:
            raise UnknownJob(f'There is no job "{job}"; the jobs are emit, plan.')
        return self.statuses[job]

    async def run(self, job: str) -> JobStatus:
        if job == "emit":
            raise JobAlreadyRunning
        return await self.get(job)


@pytest.fixture
def desk() -> Desk:
    return Desk(MemoryWorld())


@pytest.fixture
async def stub(desk: Desk) -> AsyncIterator[Any]:
    servicer = SchedulerServicer(Plan(desk.world.at(DAY + 10 * HOUR).queries, lambda: None), Jobs())
    async with grpc_channel([partial(scheduler_service_pb2_grpc.add_SchedulerServiceServicer_to_server, servicer)]) as channel:
        yield scheduler_service_pb2_grpc.SchedulerServiceStub(channel)


async def violations(call: Any) -> list[tuple[str, str]]:
    """The fields that a call was refused for."""
    with pytest.raises(grpc.RpcError) as refused:
        await call
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = error_details_pb2.BadRequest()
    for detail in rpc_status.from_call(refused.value).details:
        if detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    return [(violation.field, violation.description) for violation in bad.field_violations]


async def test_a_message_says_all_that_is_known_of_it(desk: Desk, stub: Any) -> None:
    await desk.take(EVE, person())
    planned = await desk.message()
    sent_at = DAY + 8 * HOUR + timedelta(seconds=2)
    await desk.put(
        replace(planned, provider="console", provider_message_id="p-1", sent_at=sent_at, variant="on_the_day"),
        State.SENT,
        updated_at=sent_at,
    )
    answer = await stub.GetMessage(pb.GetMessageRequest(id=str(planned.id)))
    assert (answer.id, answer.user_id, answer.kind, answer.local_date) == (str(planned.id), str(ADA), "birthday", "2026-03-10")
    assert (answer.state, answer.lateness_seconds) == (message_pb2.Message.SENT, 2)
    assert answer.due_time.ToDatetime(tzinfo=UTC) == DAY + 8 * HOUR
    assert (answer.timezone, answer.zone_rule, answer.provider, answer.variant) == ("Europe/Berlin", "EXACT", "console", "on_the_day")
    assert answer.sent_time.ToDatetime(tzinfo=UTC) == sent_at


async def test_what_was_not_sent_has_neither_time_nor_lateness(desk: Desk, stub: Any) -> None:
    await desk.take(EVE, person())
    answer = await stub.GetMessage(pb.GetMessageRequest(id=str((await desk.message()).id)))
    assert (answer.HasField("sent_time"), answer.lateness_seconds) == (False, 0)


async def test_an_unknown_message_is_not_found(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as error:
        await stub.GetMessage(pb.GetMessageRequest(id="20260310-1c2d-8e3f-8a4b-5c6d7e8f9a0b"))
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.NOT_FOUND, "There is no such message.")


@pytest.mark.parametrize("text", ["", "x", str(ADA), "{20260310-1c2d-8e3f-8a4b-5c6d7e8f9a0b}", "20261310-1c2d-8e3f-8a4b-5c6d7e8f9a0b"])
async def test_what_is_no_message_id_is_refused(stub: Any, text: str) -> None:
    [(field, sentence)] = await violations(stub.GetMessage(pb.GetMessageRequest(id=text)))
    assert (field, sentence) == ("id", "This is not the id of a message: one looks like 20261230-1c2d-8e3f-8a4b-5c6d7e8f9a0b.")


class TestLists:
    async def test_pages_are_followed_by_their_tokens(self, desk: Desk, stub: Any) -> None:
        await desk.take(EVE, *(person(UUID(int=number)) for number in range(5)))
        first = await stub.ListMessages(pb.ListMessagesRequest(page_size=3, kind="birthday"))
        second = await stub.ListMessages(pb.ListMessagesRequest(page_size=3, kind="birthday", page_token=first.next_page_token))
        assert (len(first.messages), len(second.messages), second.next_page_token) == (3, 2, "")
        assert len({message.id for message in [*first.messages, *second.messages]}) == 5

    async def test_a_token_belongs_to_its_filters(self, desk: Desk, stub: Any) -> None:
        await desk.take(EVE, *(person(UUID(int=number)) for number in range(3)))
        first = await stub.ListMessages(pb.ListMessagesRequest(page_size=1))
        [(field, sentence)] = await violations(
            stub.ListMessages(pb.ListMessagesRequest(page_token=first.next_page_token, local_date="2026-03-10"))
        )
        assert (field, sentence.startswith("The page token is not one of this list")) == ("pageToken", True)

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            ({"page_token": "nonsense"}, "pageToken"),
            ({"page_token": "bnVsbA=="}, "pageToken"),
            ({"page_size": -1}, "pageSize"),
            ({"local_date": "10.3.2026"}, "localDate"),
            ({"local_date": "20260310"}, "localDate"),
            ({"user_id": "ada"}, "userId"),
            ({"state": 77}, "state"),
            ({"kind": "\0"}, "kind"),
        ],
    )
    async def test_a_mistake_is_told_by_its_field(self, stub: Any, request_: dict[str, Any], field: str) -> None:
        [(named, sentence)] = await violations(stub.ListMessages(pb.ListMessagesRequest(**request_)))
        assert named == field
        assert sentence.endswith(".")

    async def test_all_mistakes_are_told_at_once(self, stub: Any) -> None:
        request = pb.ListMessagesRequest(page_size=-1, user_id="7", state=77, local_date="x", kind="\0")  # type: ignore[arg-type]
        told = await violations(stub.ListMessages(request))
        assert [field for field, _ in told] == ["pageSize", "userId", "state", "localDate", "kind"]
        told = await violations(stub.ListReplans(pb.ListReplansRequest(page_size=-1, user_id="7")))
        assert [field for field, _ in told] == ["pageSize", "userId"]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("2026-02-30", "2026-02-30 does not exist: February has the days 01 to 28."),
            ("2026-13-01", "2026-13-01 does not exist: months go from 01 to 12."),
            ("0000-01-01", "0000-01-01 is too early: years start at 1850."),
            ("--02-28", "The local date is written YYYY-MM-DD, such as 2026-12-30."),
            ("2026-W53-3", "The local date is written YYYY-MM-DD, such as 2026-12-30."),
        ],
    )
    async def test_a_local_date_that_is_none_is_refused_in_words(self, stub: Any, text: str, told: str) -> None:
        assert await violations(stub.ListMessages(pb.ListMessagesRequest(local_date=text))) == [("localDate", told)]

    async def test_by_state_and_user(self, desk: Desk, stub: Any) -> None:
        await desk.take(EVE, person(), person(UUID(int=4)))
        found = await stub.ListMessages(pb.ListMessagesRequest(user_id=str(ADA), state=message_pb2.Message.SCHEDULED))
        assert [message.user_id for message in found.messages] == [str(ADA)]

    async def test_what_changes_did_is_listed_the_latest_first(self, desk: Desk, stub: Any) -> None:
        await desk.take(EVE, person())
        await desk.take(EVE, person(version=2, timezone="Asia/Tokyo"))
        await desk.take(EVE, person(version=3, deleted=True))
        first = await stub.ListReplans(pb.ListReplansRequest(user_id=str(ADA), page_size=2))
        assert [(r.version, r.cancelled_count, r.rescheduled_count, r.kept_count) for r in first.replans] == [(3, 1, 0, 0), (2, 0, 1, 0)]
        assert (first.replans[0].actions[0].action, first.replans[0].actions[0].reason) == ("cancelled", "user_deleted")
        rest = await stub.ListReplans(pb.ListReplansRequest(user_id=str(ADA), page_size=2, page_token=first.next_page_token))
        assert [replan.version for replan in rest.replans] == [1]

    async def test_of_a_user_of_whom_nothing_was_heard_yet_the_list_is_empty(self, stub: Any) -> None:
        found = await stub.ListReplans(pb.ListReplansRequest(user_id=str(ADA)))
        assert (list(found.replans), found.next_page_token) == ([], "")

    async def test_an_id_that_is_no_users_is_refused(self, stub: Any) -> None:
        [(field, sentence)] = await violations(stub.ListReplans(pb.ListReplansRequest(user_id="7")))
        assert (field, sentence.partition(":")[0]) == ("userId", "This is not the id of a user")

    @pytest.mark.parametrize("position", [(2**31, 1), (1, 2**31), (-1, 1), ("1", 1), (1,), ()])
    async def test_a_forged_position_among_changes_is_refused(self, stub: Any, position: tuple[Any, ...]) -> None:
        token = pages.token(("replans", ADA), *position)
        [(field, _)] = await violations(stub.ListReplans(pb.ListReplansRequest(user_id=str(ADA), page_token=token)))
        assert field == "pageToken"


class TestJobs:
    async def test_a_job_has_its_schedule_its_next_and_its_last_run(self, stub: Any) -> None:
        listed = (await stub.ListJobs(pb.ListJobsRequest())).jobs
        assert [(job.id, job.enabled, job.schedule) for job in listed] == [("emit", True, "* * * * *"), ("plan", False, "0 0 * * *")]
        emit, plan = listed
        assert (emit.next_run_time.ToDatetime(tzinfo=UTC), emit.HasField("last_run")) == (DAY, False)
        assert (plan.HasField("next_run_time"), plan.last_run.duration_seconds, dict(plan.last_run.counts)) == (False, 1.5, {"planned": 3})
        assert (plan.last_run.result, plan.last_run.manual) == ("SUCCEEDED", True)

    async def test_run_by_hand_it_returns_when_it_has_ended(self, stub: Any) -> None:
        assert (await stub.RunJob(pb.RunJobRequest(id="plan"))).last_run.result == "SUCCEEDED"

    @pytest.mark.parametrize(("job", "code"), [("emit", grpc.StatusCode.ABORTED), ("dance", grpc.StatusCode.NOT_FOUND)])
    async def test_running_elsewhere_or_unknown_it_is_refused(self, stub: Any, job: str, code: grpc.StatusCode) -> None:
        with pytest.raises(grpc.RpcError) as error:
            await stub.RunJob(pb.RunJobRequest(id=job))
        assert error.value.code() is code


class TestReplays:
    async def test_what_ended_is_planned_again_and_the_rest_refused_with_a_reason(self, desk: Desk, stub: Any) -> None:
        await desk.take(EVE, person(), person(UUID(int=4)))
        failed = await desk.put(await desk.message(), State.FAILED)
        [waiting] = await desk.messages(UUID(int=4))
        answer = await stub.ReplayMessages(pb.ReplayMessagesRequest(ids=[str(failed.id), str(waiting.id), str(failed.id)]))
        assert list(answer.replayed_ids) == [str(failed.id)]
        assert list(answer.refused) == [str(waiting.id)]

    async def test_too_many_at_once_are_refused(self, stub: Any) -> None:
        ids = ["20260310-1c2d-8e3f-8a4b-5c6d7e8f9a0b"] * 1001
        assert await violations(stub.ReplayMessages(pb.ReplayMessagesRequest(ids=ids))) == [
            ("ids", "There are 1001 ids: at most 1000 are allowed.")
        ]

    async def test_the_id_that_is_none_is_named_by_its_place(self, stub: Any) -> None:
        [(field, _)] = await violations(stub.ReplayMessages(pb.ReplayMessagesRequest(ids=["20260310-1c2d-8e3f-8a4b-5c6d7e8f9a0b", "x"])))
        assert field == "ids[1]"


async def test_times_come_out_exactly(desk: Desk, stub: Any) -> None:
    await desk.take(EVE, person())
    odd = datetime(2026, 3, 10, 8, 0, 0, 123456, tzinfo=UTC)
    message = await desk.put(await desk.message(), State.RETRYING, send_at=odd)
    answer = await stub.GetMessage(pb.GetMessageRequest(id=str(message.id)))
    assert answer.schedule_time.ToDatetime(tzinfo=UTC) == odd
