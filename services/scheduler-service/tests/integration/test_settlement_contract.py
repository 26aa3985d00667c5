"""The SettlementStore port, and the settling of outcomes over it. In memory and on Postgres."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from occasions.identity import message_id
from scheduler_service.outcomes import Outcome, Result
from scheduler_service.testing.delivery import TODAY, DeliveryWorld, now, sent


async def test_sent_is_recorded_with_provider_and_time(plan: DeliveryWorld) -> None:
    user, message = await plan.emitted_one()
    settled = await plan.settle(sent(message))
    row = await plan.message(message)
    assert [confirmed.id for confirmed in settled.confirmed] == [message.bytes]
    assert (row["state"], row["provider"], row["provider_message_id"], row["attempts"]) == ("SENT", "http_email", "m-1", 1)
    assert await plan.slot(user) == (TODAY.year, message)


async def test_sent_twice_is_recorded_once(plan: DeliveryWorld) -> None:
    _, message = await plan.emitted_one()
    await plan.settle(sent(message))
    before = await plan.message(message)
    again = await plan.settle(sent(message), Outcome(message, 1, Result.RETRY, attempt=2, provider="other"))
    assert (again.confirmed, again.stale) == ([], 2)
    assert await plan.message(message) == before


async def test_a_retry_waits_under_a_new_revision_and_is_emitted_again(plan: DeliveryWorld) -> None:
    _, message = await plan.emitted_one()
    await plan.settle(Outcome(message, 1, Result.RETRY, attempt=1, next_attempt_at=now(), reason="http_503"))
    row = await plan.message(message)
    assert (row["state"], row["revision"], row["attempts"], row["reason"]) == ("RETRYING", 2, 1, "http_503")
    assert await plan.emitter().emit() == 1
    assert plan.topic.produced[-1].message.revision == 2


async def test_a_failure_frees_the_year(plan: DeliveryWorld) -> None:
    user, message = await plan.emitted_one()
    await plan.settle(Outcome(message, 1, Result.FAILED, attempt=8, reason="http_422"))
    assert (await plan.message(message))["state"] == "FAILED"
    assert await plan.slot(user) == (None, None)


async def test_unsure_holds_a_failure_that_may_have_been_sent_keeps_the_year(plan: DeliveryWorld) -> None:
    user, message = await plan.emitted_one()
    await plan.settle(Outcome(message, 1, Result.FAILED, unsure=True, attempt=8, reason="timeout"))
    assert (await plan.message(message))["state"] == "UNCERTAIN"
    assert await plan.slot(user) == (TODAY.year, message)


async def test_facts_win_over_a_cancel_and_suppress_the_other_plan_of_the_year(plan: DeliveryWorld) -> None:
    user, message = await plan.emitted_one()
    await plan.change(message, state="CANCELLED", revision=2, asked_revision=1, asked_at=now())
    other = await plan.plan(user, day=TODAY + timedelta(days=20), due=1_700_000)
    await plan.settle(sent(message))
    row = await plan.message(message)
    assert (row["state"], row["asked_revision"], row["asked_at"]) == ("SENT", 0, None)
    suppressed = await plan.message(other)
    assert (suppressed["state"], suppressed["reason"], suppressed["revision"]) == ("SUPPRESSED", "already_greeted", 2)


async def test_an_answered_cancel_frees_the_year(plan: DeliveryWorld) -> None:
    user, message = await plan.emitted_one()
    await plan.change(message, state="CANCELLED", revision=2, asked_revision=1, asked_at=now())
    await plan.settle(Outcome(message, 1, Result.CANCELLED))
    assert (await plan.message(message))["asked_revision"] == 0
    assert await plan.slot(user) == (None, None)


async def test_a_batch_with_several_outcomes_of_one_message_settles_them_in_order(plan: DeliveryWorld) -> None:
    _, message = await plan.emitted_one()
    await plan.settle(Outcome(message, 1, Result.RETRY, attempt=1, next_attempt_at=now()), sent(message, 1))
    assert (await plan.message(message))["state"] == "SENT"


async def test_an_outcome_of_no_message_is_counted_and_passed_over(plan: DeliveryWorld) -> None:
    unknown = message_id(uuid4(), "birthday", TODAY)
    settled = await plan.settle(sent(unknown))
    assert settled.unknown == 1


async def test_five_concurrent_outcomes_end_in_one_legal_state(plan: DeliveryWorld) -> None:
    _, message = await plan.emitted_one()
    soon = now()
    told = [
        Outcome(message, 1, Result.RETRY, attempt=1, next_attempt_at=soon),
        Outcome(message, 1, Result.FAILED, attempt=1),
        sent(message),
        Outcome(message, 1, Result.EXPIRED),
        Outcome(message, 1, Result.HELD),
    ]
    await asyncio.gather(*(plan.settle(outcome) for outcome in told))
    assert (await plan.message(message))["state"] == "SENT"
