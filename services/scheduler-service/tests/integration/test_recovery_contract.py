"""The Recovery port, and *recover* over it. In memory and on Postgres."""

from datetime import timedelta

from scheduler_service.outcomes import Outcome, Result
from scheduler_service.testing.delivery import MINUTE, DeliveryWorld, StillUnread, now


async def test_a_message_without_an_outcome_is_emitted_again_under_its_revision(plan: DeliveryWorld) -> None:
    _, message = await plan.emitted_one()
    await plan.change(message, queued_at=now() - 10 * MINUTE)
    counts = await plan.recoverer(StillUnread()).recover()
    assert counts["emitted_again"] == 1
    again = plan.topic.produced[-1]
    assert (again.message.id, again.message.revision, again.recovered) == (message.bytes, 1, True)
    assert (await plan.recoverer(StillUnread()).recover())["emitted_again"] == 0


async def test_what_still_waits_on_the_topic_is_not_doubled(plan: DeliveryWorld) -> None:
    _, message = await plan.emitted_one()
    await plan.change(message, queued_at=now() - 10 * MINUTE)
    backlog = StillUnread(now() - timedelta(minutes=20))
    assert (await plan.recoverer(backlog).recover())["emitted_again"] == 0


async def test_what_was_queued_a_moment_ago_is_left_alone(plan: DeliveryWorld) -> None:
    await plan.emitted_one()
    assert (await plan.recoverer(StillUnread()).recover())["emitted_again"] == 0


async def test_overdue_messages_are_emitted_and_counted(plan: DeliveryWorld) -> None:
    await plan.plan(await plan.user(), due=-7200)
    counts = await plan.recoverer(StillUnread()).recover()
    assert (counts["missed"], counts["recovered"], counts["failed"]) == (1, 1, 0)


async def test_past_its_budget_a_message_expires_with_a_reason_and_a_question(plan: DeliveryWorld) -> None:
    user = await plan.user()
    message = await plan.plan(user, due=-7200, expires_at=now() - timedelta(seconds=1))
    counts = await plan.recoverer(StillUnread()).recover()
    row = await plan.message(message)
    assert (counts["expired"], counts["failed"]) == (1, 1)
    assert (row["state"], row["reason"], row["asked_revision"], row["revision"]) == ("EXPIRED", "past_budget", 1, 2)
    assert await plan.questions() == 1
    await plan.settle(Outcome(message, 1, Result.CANCELLED))
    assert (await plan.message(message))["asked_revision"] == 0
    assert (await plan.recoverer(StillUnread()).recover())["failed"] == 0


async def test_an_unanswered_question_is_asked_again(plan: DeliveryWorld) -> None:
    await plan.plan(await plan.user(), state="CANCELLED", revision=2, asked_revision=1, asked_at=now() - timedelta(minutes=5))
    assert (await plan.recoverer(StillUnread()).recover())["asked_again"] == 1
    assert (await plan.recoverer(StillUnread()).recover())["asked_again"] == 0
    assert await plan.questions() == 1
