from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import grpc.aio
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped] # ships no annotations
from grpc_status import rpc_status

from heyday.notifier.v1 import delivery_pb2, notifier_service_pb2, notifier_service_pb2_grpc
from notifier_service.adapters.memory import MemoryLedger
from notifier_service.domain import Due, Result, Terms, Tried, conclude
from notifier_service.inquiry import Inquiry
from notifier_service.servicer import NotifierServicer
from servicekit import pages
from servicekit.testing import grpc_channel

Make = Callable[..., Due]
pb = notifier_service_pb2
ACCEPTED = Result(Tried.ACCEPTED, provider="p", provider_message_id="m", calls=1)
PERMANENT = Result(Tried.PERMANENT, provider="p", reason="http_422", detail="no mailbox", calls=1)


@pytest.fixture
def ledger(now_us: int) -> MemoryLedger:
    return MemoryLedger(lambda: now_us, Terms())


@pytest.fixture
async def stub(ledger: MemoryLedger) -> AsyncIterator[Any]:
    register = partial(notifier_service_pb2_grpc.add_NotifierServiceServicer_to_server, NotifierServicer(Inquiry(ledger)))
    async with grpc_channel([register]) as channel:
        yield notifier_service_pb2_grpc.NotifierServiceStub(channel)


async def end(ledger: MemoryLedger, due: Due, result: Result) -> None:
    (judgement,) = (await ledger.claim([due])).judgements
    assert judgement.entry is not None
    await ledger.record([conclude(judgement.entry, due, result, judgement.entry.claimed_us or 0, Terms())])


def text(id_: bytes) -> str:
    return str(UUID(bytes=id_))


def violation(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    status = rpc_status.from_call(error)
    assert status is not None
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            (found,) = bad.field_violations
            return found.field, found.description
    raise AssertionError("no field violation")


async def test_a_delivery_sent_at_the_first_call_tells_its_one_attempt(stub: Any, ledger: MemoryLedger, make_due: Make) -> None:
    due = make_due()
    await end(ledger, due, ACCEPTED)
    delivery = await stub.GetDelivery(pb.GetDeliveryRequest(id=text(due.id)))
    assert (delivery.id, delivery.user_id, delivery.kind) == (text(due.id), text(due.user_id), "birthday")
    assert (delivery.state, delivery.local_date, delivery.attempt_count) == (delivery_pb2.Delivery.SENT, "2026-11-25", 1)
    assert not delivery.HasField("lease_end_time")
    (attempt,) = delivery.attempts
    assert (attempt.number, attempt.result, attempt.provider, attempt.call_count) == (1, "ACCEPTED", "p", 1)
    assert attempt.response_time == delivery.sent_time


async def test_attempts_before_a_replay_are_told_beside_the_one_that_was_sent(
    stub: Any, ledger: MemoryLedger, make_due: Make, again: Make
) -> None:
    due = make_due()
    await end(ledger, due, PERMANENT)
    await end(ledger, again(due, revision=2, replay=1), ACCEPTED)
    delivery = await stub.GetDelivery(pb.GetDeliveryRequest(id=text(due.id)))
    assert [(attempt.number, attempt.result) for attempt in delivery.attempts] == [(1, "PERMANENT"), (1, "ACCEPTED")]


async def test_a_delivery_under_way_tells_the_end_of_its_claim(stub: Any, ledger: MemoryLedger, make_due: Make) -> None:
    due = make_due()
    await ledger.claim([due])
    delivery = await stub.GetDelivery(pb.GetDeliveryRequest(id=text(due.id)))
    assert delivery.state == delivery_pb2.Delivery.CLAIMED
    assert delivery.HasField("lease_end_time")
    assert not delivery.attempts


@pytest.mark.parametrize("method", ["GetDelivery", "GetDeadLetter"])
async def test_an_unknown_id_is_not_found(stub: Any, make_due: Make, method: str) -> None:
    request = {"GetDelivery": pb.GetDeliveryRequest, "GetDeadLetter": pb.GetDeadLetterRequest}[method]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await getattr(stub, method)(request(id=text(make_due().id)))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert "of this id" in (refused.value.details() or "")


@pytest.mark.parametrize(
    ("id_", "said"),
    [
        ("", "The id is missing."),
        ("42", "An id is 32 hexadecimal digits"),
        ("{20261125-1b4e-8f00-8a3c-9d2b6f1e0c57}", "An id is 32 hexadecimal digits"),
        (str(uuid4()), "is not the id of a message"),
    ],
)
async def test_a_bad_id_is_refused_with_a_sentence(stub: Any, id_: str, said: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetDelivery(pb.GetDeliveryRequest(id=id_))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violation(refused.value)[0] == "id"
    assert said in violation(refused.value)[1]


async def test_pages_follow_each_other_without_gap_or_repeat(stub: Any, ledger: MemoryLedger, make_due: Make) -> None:
    dues = [make_due() for _ in range(7)]
    for due in dues:
        await end(ledger, due, ACCEPTED)
    seen: list[str] = []
    token = ""
    while True:
        page = await stub.ListDeliveries(pb.ListDeliveriesRequest(page_size=3, page_token=token))
        seen += [delivery.id for delivery in page.deliveries]
        token = page.next_page_token
        if not token:
            break
    assert seen == sorted((text(due.id) for due in dues), reverse=True)


async def test_filters_must_all_hold(stub: Any, ledger: MemoryLedger, make_due: Make) -> None:
    user = UUID(bytes=make_due().user_id)
    sent, failed, other = make_due(user=user), make_due(user=user, kind="anniversary"), make_due()
    await end(ledger, sent, ACCEPTED)
    await end(ledger, failed, PERMANENT)
    await end(ledger, other, ACCEPTED)
    found = await stub.ListDeliveries(pb.ListDeliveriesRequest(user_id=str(user), state="SENT"))
    assert [delivery.id for delivery in found.deliveries] == [text(sent.id)]


async def test_a_token_is_good_for_its_own_list_only(stub: Any, ledger: MemoryLedger, make_due: Make) -> None:
    for _ in range(3):
        await end(ledger, make_due(), PERMANENT)
    token = (await stub.ListDeliveries(pb.ListDeliveriesRequest(page_size=1))).next_page_token
    requests = [
        (stub.ListDeliveries, pb.ListDeliveriesRequest(page_token=token, state="SENT")),
        (stub.ListDeadLetters, pb.ListDeadLettersRequest(page_token=token)),
        (stub.ListDeliveries, pb.ListDeliveriesRequest(page_token="nonsense")),
        (stub.ListDeliveries, pb.ListDeliveriesRequest(page_token="é")),
    ]
    for call, request in requests:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(request)
        assert violation(refused.value)[0] == "pageToken"


ID = "20261125-1b4e-8f00-8a3c-9d2b6f1e0c57"


@pytest.mark.parametrize("position", [(2**70, ID), (253_402_300_800_000_000, ID), (-(10**18), ID), ("7", ID), (7, "x"), (7,), ()])
async def test_a_forged_position_among_dead_letters_is_refused(stub: Any, position: tuple[Any, ...]) -> None:
    token = pages.token(("dead letters", None, ""), *position)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListDeadLetters(pb.ListDeadLettersRequest(page_token=token))
    assert violation(refused.value)[0] == "pageToken"


@pytest.mark.parametrize("position", [("00000000-1b4e-8f00-8a3c-9d2b6f1e0c57",), ("20261325-1b4e-8f00-8a3c-9d2b6f1e0c57",), (7,), ()])
async def test_a_forged_position_among_deliveries_is_refused(stub: Any, position: tuple[Any, ...]) -> None:
    token = pages.token(("deliveries", None, None), *position)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListDeliveries(pb.ListDeliveriesRequest(page_token=token))
    assert violation(refused.value)[0] == "pageToken"


async def test_a_null_byte_in_a_reason_is_refused(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListDeadLetters(pb.ListDeadLettersRequest(reason="\0"))
    assert violation(refused.value) == ("reason", "The reason contains a null byte: remove it.")


async def test_a_page_size_below_nothing_is_refused(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListDeliveries(pb.ListDeliveriesRequest(page_size=-1))
    assert violation(refused.value) == ("pageSize", "The page size is -1: it goes from 1 to 1000, 0 means 50.")


async def test_all_mistakes_of_a_list_are_told_at_once(stub: Any) -> None:
    user = "This is not the id of a user: one looks like 01932c07-20a4-7cd1-8000-2b1f4a5e6d7c."
    size = "The page size is -1: it goes from 1 to 1000, 0 means 50."
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListDeliveries(pb.ListDeliveriesRequest(page_size=-1, user_id="7", state=99))  # type: ignore[arg-type] # as below
    assert refused.value.details() == f"{size} {user} There is no state 99."
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListDeadLetters(pb.ListDeadLettersRequest(page_size=-1, user_id="7", reason="\0"))
    assert refused.value.details() == f"{size} {user} The reason contains a null byte: remove it."


async def test_a_state_that_does_not_exist_is_refused(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListDeliveries(pb.ListDeliveriesRequest(state=99))  # type: ignore[arg-type] # the stub knows closed enums only
    assert violation(refused.value) == ("state", "There is no state 99.")


async def test_dead_letters_are_listed_by_user_and_reason(stub: Any, ledger: MemoryLedger, make_due: Make) -> None:
    first, second = make_due(), make_due()
    await end(ledger, first, PERMANENT)
    await end(ledger, second, Result(Tried.PERMANENT, reason="http_400", calls=1))
    by_reason = await stub.ListDeadLetters(pb.ListDeadLettersRequest(reason="http_400"))
    assert [letter.id for letter in by_reason.dead_letters] == [text(second.id)]
    of_user = await stub.ListDeadLetters(pb.ListDeadLettersRequest(user_id=text(first.user_id)))
    assert [letter.id for letter in of_user.dead_letters] == [text(first.id)]
    letter = await stub.GetDeadLetter(pb.GetDeadLetterRequest(id=text(first.id)))
    assert (letter.detail, letter.attempt_count, letter.local_date) == ("no mailbox", 1, "2026-11-25")
