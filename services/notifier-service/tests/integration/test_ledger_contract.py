"""What every Ledger promises: the rules of the protocol that live in it. Each runs against memory and Postgres."""

from collections.abc import Callable
from typing import Any

import pytest

from notifier_service.domain import Cancellation, Conclusion, Due, Reason, Result, State, Tried, Verdict, conclude

Make = Callable[..., Any]

SECOND = 1_000_000
LEASE_SECONDS = 30

ACCEPTED = Result(Tried.ACCEPTED, provider="http_email", provider_message_id="p-1", calls=1)
REFUSED = Result(Tried.REFUSED, provider="http_email", reason="http_503", calls=3)
PERMANENT = Result(Tried.PERMANENT, provider="http_email", reason="http_422", detail="no such mailbox", calls=1)
UNSURE = Result(Tried.UNSURE, provider="http_email", reason="timeout", calls=1)
NOT_TRIED = Result(Tried.NOT_TRIED, reason="breaker_open")


async def claim(world: Any, *dues: Due) -> list[Any]:
    return list((await world.ledger.claim(dues)).judgements)


async def claim_one(world: Any, due: Due) -> Any:
    (judgement,) = await claim(world, due)
    return judgement


async def end(world: Any, due: Due, judgement: Any, result: Result) -> Conclusion:
    assert judgement.entry is not None
    return conclude(judgement.entry, due, result, judgement.entry.claimed_us or 0, world.terms)


async def send(world: Any, due: Due, result: Result) -> Conclusion:
    """Claim, dispatch with this result, and record."""
    judgement = await claim_one(world, due)
    assert judgement.verdict is Verdict.SEND
    concluded = await end(world, due, judgement, result)
    assert await world.ledger.record([concluded]) == {due.id}
    return concluded


async def state_of(world: Any, due: Due) -> Any:
    return await world.reader.delivery(due.id, due.local_date)


async def test_a_fresh_record_is_claimed_with_a_lease_and_a_fence(world: Any, make_due: Make) -> None:
    due = make_due()
    judgement = await claim_one(world, due)
    entry = await state_of(world, due)
    assert judgement.verdict is Verdict.SEND
    assert judgement.entry == entry
    assert entry.state is State.CLAIMED
    assert entry.lease_until_us - entry.claimed_us == LEASE_SECONDS * SECOND
    assert entry.fence > 0
    assert not entry.unsure


async def test_a_batch_is_judged_in_its_own_order(world: Any, make_due: Make) -> None:
    dues = [make_due() for _ in range(20)][::-1]
    await send(world, dues[3], ACCEPTED)
    judgements = await claim(world, *dues)
    assert [judgement.verdict for judgement in judgements] == [Verdict.ANSWER if n == 3 else Verdict.SEND for n in range(20)]
    assert [judgement.entry.id for judgement in judgements] == [due.id for due in dues]


async def test_sent_final_an_id_that_is_sent_is_never_claimed_again_whatever_the_revision(world: Any, make_due: Make, again: Make) -> None:
    due = make_due()
    await send(world, due, ACCEPTED)
    for revision in (1, 2, 7):
        judgement = await claim_one(world, again(due, revision=revision))
        assert judgement.verdict is Verdict.ANSWER
        assert (judgement.outcome.result, judgement.outcome.revision) == (State.SENT, revision)
        assert (judgement.outcome.provider, judgement.outcome.provider_message_id) == ("http_email", "p-1")


async def test_revision_a_newer_one_is_claimed_after_the_older_one_was_decided(world: Any, make_due: Make, again: Make) -> None:
    due = make_due()
    await send(world, due, REFUSED)
    judgement = await claim_one(world, again(due, revision=2))
    assert judgement.verdict is Verdict.SEND
    assert judgement.entry.attempts == 1


async def test_revision_an_older_one_is_dropped(world: Any, make_due: Make, again: Make) -> None:
    due = make_due(revision=3)
    await send(world, due, REFUSED)
    assert (await claim_one(world, again(due, revision=2))).verdict is Verdict.DROP


async def test_re_answer_a_decided_revision_gets_its_outcome_again(world: Any, make_due: Make) -> None:
    due = make_due()
    first = await send(world, due, REFUSED)
    judgement = await claim_one(world, due)
    assert judgement.verdict is Verdict.ANSWER
    assert judgement.outcome == first.outcome()
    assert judgement.outcome.next_attempt_us is not None


@pytest.mark.parametrize("revision", [1, 2])
async def test_wait_lease_a_record_under_anothers_live_lease_waits(world: Any, make_due: Make, again: Make, revision: int) -> None:
    due = make_due()
    await claim_one(world, due)
    world.pass_seconds(LEASE_SECONDS - 1)
    assert (await claim_one(world, again(due, revision=revision))).verdict is Verdict.WAIT


@pytest.mark.parametrize("revision", [1, 2])
async def test_took_unsure_a_lapsed_claim_is_taken_over_and_unsure(world: Any, make_due: Make, again: Make, revision: int) -> None:
    due = make_due()
    first = await claim_one(world, due)
    world.pass_seconds(LEASE_SECONDS + 1)
    second = await claim_one(world, again(due, revision=revision))
    assert second.verdict is Verdict.SEND
    assert second.entry.unsure
    assert second.entry.first_unsure_us == first.entry.claimed_us
    assert second.entry.fence != first.entry.fence


async def test_fence_a_result_of_a_lost_claim_is_not_written_and_its_record_is_judged_anew(world: Any, make_due: Make) -> None:
    due = make_due()
    first = await claim_one(world, due)
    world.pass_seconds(LEASE_SECONDS + 1)
    await claim_one(world, due)
    assert await world.ledger.record([await end(world, due, first, REFUSED)]) == frozenset()
    assert (await state_of(world, due)).state is State.CLAIMED
    assert (await claim_one(world, due)).verdict is Verdict.WAIT


async def test_fence_but_sent_is_a_fact_and_always_written(world: Any, make_due: Make) -> None:
    due = make_due()
    first = await claim_one(world, due)
    world.pass_seconds(LEASE_SECONDS + 1)
    second = await claim_one(world, due)
    assert await world.ledger.record([await end(world, due, first, ACCEPTED)]) == {due.id}
    assert (await state_of(world, due)).state is State.SENT
    assert await world.ledger.record([await end(world, due, second, REFUSED)]) == frozenset()
    assert (await state_of(world, due)).state is State.SENT


async def test_sent_twice_the_first_fact_stands_and_both_are_facts(world: Any, make_due: Make) -> None:
    due = make_due()
    first = await claim_one(world, due)
    world.pass_seconds(LEASE_SECONDS + 1)
    second = await claim_one(world, due)
    await world.ledger.record([await end(world, due, first, ACCEPTED)])
    later = await end(world, due, second, ACCEPTED._replace(provider_message_id="p-2"))
    assert await world.ledger.record([later]) == {due.id}
    assert (await state_of(world, due)).provider_message_id == "p-1"


async def test_a_claim_without_a_result_is_released_and_is_neither_counted_nor_unsure(world: Any, make_due: Make) -> None:
    due = make_due()
    await send(world, due, NOT_TRIED)
    entry = await state_of(world, due)
    assert (entry.state, entry.attempts, entry.unsure, entry.lease_until_us) == (State.RELEASED, 0, False, None)
    assert (await claim_one(world, due)).verdict is Verdict.SEND


async def test_early_waits_and_leaves_no_entry(world: Any, make_due: Make) -> None:
    due = make_due(not_before=300)
    assert (await claim_one(world, due)).verdict is Verdict.EARLY
    assert await state_of(world, due) is None
    world.pass_seconds(301)
    assert (await claim_one(world, due)).verdict is Verdict.SEND


async def test_late_expires_with_a_reason_and_says_so_again(world: Any, make_due: Make) -> None:
    due = make_due(not_after=-1)
    for _ in range(2):
        judgement = await claim_one(world, due)
        assert judgement.verdict is Verdict.ANSWER
        assert (judgement.outcome.result, judgement.outcome.reason) == (State.EXPIRED, Reason.TOO_LATE)
    assert (await state_of(world, due)).state is State.EXPIRED


async def test_late_a_later_revision_with_time_left_is_claimed(world: Any, make_due: Make, again: Make) -> None:
    due = make_due(not_after=-1)
    await claim_one(world, due)
    assert (await claim_one(world, again(due, revision=2, variant="belated"))).verdict is Verdict.SEND


async def test_late_while_unsure_ends_uncertain(world: Any, make_due: Make, again: Make) -> None:
    due = make_due()
    await send(world, due, UNSURE)
    judgement = await claim_one(world, again(due, revision=2, not_after=-1))
    assert (judgement.outcome.result, judgement.outcome.reason) == (State.UNCERTAIN, Reason.TOO_LATE)


async def test_unsure_is_sent_again_with_the_same_content(world: Any, make_due: Make, again: Make) -> None:
    due = make_due()
    await send(world, due, UNSURE)
    judgement = await claim_one(world, again(due, revision=2))
    assert judgement.verdict is Verdict.SEND
    assert judgement.entry.unsure


@pytest.mark.parametrize(
    "change", [{"email": "other@example.com"}, {"first_name": "Eda"}, {"variant": "belated"}, {"locale": "de"}, {"years": 3}]
)
async def test_unsure_with_other_content_ends_uncertain(world: Any, make_due: Make, again: Make, change: dict[str, Any]) -> None:
    due = make_due()
    await send(world, due, UNSURE)
    judgement = await claim_one(world, again(due, revision=2, **change))
    assert (judgement.outcome.result, judgement.outcome.reason) == (State.UNCERTAIN, Reason.CONTENT_CHANGED)
    assert (await state_of(world, due)).state is State.UNCERTAIN


async def test_sure_with_other_content_is_sent(world: Any, make_due: Make, again: Make) -> None:
    due = make_due()
    await send(world, due, REFUSED)
    assert (await claim_one(world, again(due, revision=2, email="other@example.com"))).verdict is Verdict.SEND


async def test_unsure_past_the_keys_lifetime_ends_uncertain(world: Any, make_due: Make, again: Make) -> None:
    due = make_due()
    await send(world, due, UNSURE)
    world.pass_seconds(24 * 3600 + 60)
    judgement = await claim_one(world, again(due, revision=2, not_after=48 * 3600))
    assert (judgement.outcome.result, judgement.outcome.reason) == (State.UNCERTAIN, Reason.KEY_EXPIRED)


async def test_unsure_is_held_where_the_provider_honours_no_keys(world: Any, make_due: Make) -> None:
    world.change_terms(holds_unsure=True)
    due = make_due()
    await claim_one(world, due)
    world.pass_seconds(LEASE_SECONDS + 1)
    judgement = await claim_one(world, due)
    assert (judgement.outcome.result, judgement.outcome.reason) == (State.UNCERTAIN, Reason.NO_KEYS)


async def test_a_replay_counts_attempts_anew_and_may_send_what_was_uncertain(world: Any, make_due: Make, again: Make) -> None:
    due = make_due()
    await send(world, due, UNSURE)
    await claim_one(world, again(due, revision=2, email="other@example.com"))
    judgement = await claim_one(world, again(due, revision=3, replay=1, email="other@example.com"))
    assert judgement.verdict is Verdict.SEND
    assert (judgement.entry.attempts, judgement.entry.unsure, judgement.entry.replay) == (0, False, 1)


async def test_a_failure_leaves_a_dead_letter_and_a_replay_takes_it_away(world: Any, make_due: Make, again: Make) -> None:
    due = make_due()
    await send(world, due, PERMANENT)
    letter = await world.reader.dead_letter(due.id)
    assert (letter.reason, letter.detail, letter.attempts, letter.unsure) == ("http_422", "no such mailbox", 1, False)
    assert await world.ledger.dead_letters([due.id]) == [letter]
    await claim_one(world, again(due, revision=2, replay=1))
    assert await world.reader.dead_letter(due.id) is None


async def test_attempts_are_kept_but_for_the_first_call_that_was_accepted(world: Any, make_due: Make, again: Make) -> None:
    plain, tried = make_due(), make_due()
    await send(world, plain, ACCEPTED)
    await send(world, tried, REFUSED)
    await send(world, again(tried, revision=2), ACCEPTED)
    assert await world.reader.attempts(plain.id, plain.local_date) == []
    kept = await world.reader.attempts(tried.id, tried.local_date)
    assert [(a.number, a.revision, a.result, a.reason, a.calls) for a in kept] == [
        (1, 1, Tried.REFUSED, "http_503", 3),
        (2, 2, Tried.ACCEPTED, "", 1),
    ]


# Tombs.


async def cancel(world: Any, asked: Cancellation) -> Any:
    answers = await world.ledger.cancel([asked])
    return answers[0] if answers else None


async def test_tombstone_an_unknown_message_is_cancelled_then_refused(world: Any, make_due: Make, again: Make, cancel_of: Make) -> None:
    due = make_due()
    outcome = await cancel(world, cancel_of(due))
    assert (outcome.result, outcome.revision, outcome.unsure) == (State.CANCELLED, 1, False)
    judgement = await claim_one(world, due)
    assert (judgement.verdict, judgement.outcome.result) == (Verdict.ANSWER, State.CANCELLED)
    assert (await state_of(world, due)).state is State.CANCELLED


async def test_tombstone_a_revision_above_it_is_claimed(world: Any, make_due: Make, again: Make, cancel_of: Make) -> None:
    due = make_due()
    await cancel(world, cancel_of(due, 2))
    assert (await claim_one(world, again(due, revision=2))).outcome.result is State.CANCELLED
    assert (await claim_one(world, again(due, revision=3))).verdict is Verdict.SEND


async def test_tombstone_never_sinks(world: Any, make_due: Make, again: Make, cancel_of: Make) -> None:
    due = make_due()
    await cancel(world, cancel_of(due, 5))
    await cancel(world, cancel_of(due, 2))
    assert (await state_of(world, due)).tomb == 5
    assert (await claim_one(world, again(due, revision=5))).outcome.result is State.CANCELLED


async def test_answered_what_is_sent_is_answered_sent(world: Any, make_due: Make, cancel_of: Make) -> None:
    due = make_due()
    await send(world, due, ACCEPTED)
    outcome = await cancel(world, cancel_of(due, 4))
    assert (outcome.result, outcome.revision, outcome.provider_message_id) == (State.SENT, 4, "p-1")


async def test_answered_silent_under_a_live_claim_whose_result_is_the_answer(world: Any, make_due: Make, cancel_of: Make) -> None:
    due = make_due()
    judgement = await claim_one(world, due)
    assert await cancel(world, cancel_of(due)) is None
    assert await world.ledger.record([await end(world, due, judgement, ACCEPTED)]) == {due.id}
    assert (await state_of(world, due)).state is State.SENT


async def test_answered_a_record_under_the_tomb_is_dropped_while_its_claim_is_live(world: Any, make_due: Make, cancel_of: Make) -> None:
    due = make_due()
    await claim_one(world, due)
    await cancel(world, cancel_of(due))
    assert (await claim_one(world, due)).verdict is Verdict.DROP


async def test_answered_what_was_released_under_the_tomb_is_cancelled(world: Any, make_due: Make, cancel_of: Make) -> None:
    due = make_due()
    judgement = await claim_one(world, due)
    await cancel(world, cancel_of(due))
    await world.ledger.record([await end(world, due, judgement, NOT_TRIED)])
    again_judged = await claim_one(world, due)
    assert (again_judged.outcome.result, again_judged.outcome.unsure) == (State.CANCELLED, False)
    assert (await state_of(world, due)).state is State.CANCELLED


@pytest.mark.parametrize("by", ["cancel", "record"])
async def test_took_unsure_a_buried_claim_is_unsure_and_fenced_off(world: Any, make_due: Make, cancel_of: Make, by: str) -> None:
    due = make_due()
    judgement = await claim_one(world, due)
    if by == "record":
        await cancel(world, cancel_of(due))
    world.pass_seconds(LEASE_SECONDS + 1)
    outcome = await cancel(world, cancel_of(due)) if by == "cancel" else (await claim_one(world, due)).outcome
    assert (outcome.result, outcome.unsure) == (State.CANCELLED, True)
    entry = await state_of(world, due)
    assert (entry.state, entry.unsure) == (State.UNCERTAIN, True)
    assert await world.ledger.record([await end(world, due, judgement, REFUSED)]) == frozenset()
    assert await world.ledger.record([await end(world, due, judgement, ACCEPTED)]) == {due.id}
    assert (await state_of(world, due)).state is State.SENT


async def test_a_question_of_an_older_revision_spares_a_newer_claim(world: Any, make_due: Make, again: Make, cancel_of: Make) -> None:
    due = make_due(revision=3)
    await claim_one(world, due)
    world.pass_seconds(LEASE_SECONDS + 1)
    outcome = await cancel(world, cancel_of(due, 1))
    assert (outcome.result, outcome.revision, outcome.unsure) == (State.CANCELLED, 1, True)
    judgement = await claim_one(world, due)
    assert judgement.verdict is Verdict.SEND
    assert judgement.entry.unsure


async def test_a_cancelled_retry_is_over_and_an_ended_delivery_keeps_its_end(world: Any, make_due: Make, cancel_of: Make) -> None:
    retrying, failed = make_due(), make_due()
    await send(world, retrying, REFUSED)
    await send(world, failed, PERMANENT)
    await world.ledger.cancel([cancel_of(retrying), cancel_of(failed)])
    assert (await state_of(world, retrying)).state is State.CANCELLED
    assert (await state_of(world, failed)).state is State.FAILED
    assert (await claim_one(world, failed)).outcome.result is State.CANCELLED


async def test_a_tomb_raised_while_it_is_sent_survives_the_result(world: Any, make_due: Make, cancel_of: Make) -> None:
    due = make_due()
    judgement = await claim_one(world, due)
    await cancel(world, cancel_of(due))
    await world.ledger.record([await end(world, due, judgement, REFUSED)])
    assert (await state_of(world, due)).tomb == 1


async def test_repeating_a_record_call_changes_nothing(world: Any, make_due: Make) -> None:
    due = make_due()
    concluded = await send(world, due, REFUSED)
    before = await state_of(world, due)
    assert await world.ledger.record([concluded]) == frozenset()
    assert await state_of(world, due) == before
