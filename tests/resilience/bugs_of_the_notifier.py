"""Wrong behaviours of the notifier."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from resilience.sowing import around, clock_of_a_pod, in_sql, planted

_CONTRACT: Final = "services/notifier-service/tests/integration/test_ledger_contract.py::"
_DELIVERY: Final = "services/notifier-service/tests/unit/test_delivery_service.py::"
_UNIT: Final = "services/notifier-service/tests/unit/"


@planted("redis is believed over recover", _DELIVERY, "test_what_recover_emitted_is_not_believed_to_be_sent")
def _redis_over_recover() -> None:
    from notifier_service.service import DeliveryService

    async def believing(original: Any, self: Any, dues: Sequence[Any]) -> Any:
        return await original(self, [replace(due, recovered=False) for due in dues])

    around(DeliveryService, "_answer_known", believing)


@planted("hints of what is not sent", _DELIVERY, "test_hints_are_of_what_the_ledger_has_as_sent_only")
def _early_hints() -> None:
    from notifier_service.service import DeliveryService

    async def remembering(original: Any, self: Any, outcomes: Sequence[Any], letters: Sequence[Any] = ()) -> None:
        await original(self, outcomes, letters)
        await self._hints.remember(outcomes)

    around(DeliveryService, "_tell", remembering)


@planted(
    "without offset-last",
    _UNIT,
    "test_consumers.py::test_offset_last_nothing_is_committed_while_kafka_takes_no_outcomes",
)
def _offset_first() -> None:
    from notifier_service.consumer.desk import DueDesk

    def done_at_once(original: Any, self: Any, batch: Sequence[Any], readable: Any) -> Any:
        dues = original(self, batch, readable)
        self._tracker.done(batch)
        return dues

    around(DueDesk, "take", done_at_once)


@planted("marked as sent before it is sent", _DELIVERY, "test_a_result_that_never_came_is_unsure")
def _mark_before_send() -> None:
    from notifier_service.domain import Result, Tried
    from notifier_service.service import DeliveryService

    async def marking(original: Any, self: Any, flights: Sequence[Any], deadline: float) -> None:
        await self._settle([(flight, Result(Tried.ACCEPTED)) for flight in flights])
        await original(self, flights, deadline)

    around(DeliveryService, "_send", marking)


@planted("without release", _UNIT, "test_conclusions.py::test_not_tried_is_released_without_an_attempt")
def _untried_counts() -> None:
    from notifier_service import domain
    from notifier_service.domain import Tried, conclusions

    def counting(original: Any, entry: Any, due: Any, result: Any, *rest: Any, **named: Any) -> Any:
        return original(entry, due, result._replace(tried=Tried.REFUSED) if result.tried is Tried.NOT_TRIED else result, *rest, **named)

    around(conclusions, "conclude", counting)
    domain.conclude = conclusions.conclude


def _standing(change: Callable[..., Any]) -> None:
    """Swap what stands against a claim."""
    from notifier_service.domain import claims

    around(claims, "_standing", change)


@planted("redis alone decides", _CONTRACT, "test_sent_final_an_id_that_is_sent_is_never_claimed_again_whatever_the_revision[memory]")
def _redis_alone() -> None:
    """What Redis does not know as sent is sent, whatever the ledger says."""
    _standing(lambda *_: None)


@planted("without sent-final", _CONTRACT, "test_sent_final_an_id_that_is_sent_is_never_claimed_again_whatever_the_revision[memory]")
def _no_sent_final() -> None:
    from notifier_service.domain import State

    _standing(lambda original, entry, *rest: None if entry.state is State.SENT else original(entry, *rest))


@planted("without older", _CONTRACT, "test_revision_an_older_one_is_dropped[memory]")
def _no_older() -> None:
    _standing(lambda original, entry, due, *rest: None if due.revision < entry.revision else original(entry, due, *rest))


@planted("without wait-lease", _CONTRACT, "test_wait_lease_a_record_under_anothers_live_lease_waits[memory-1]")
def _no_wait_lease() -> None:
    from notifier_service.domain import Judgement, Verdict

    def dropping(original: Any, *said: Any) -> Any:
        stands = original(*said)
        return Judgement(Verdict.DROP) if stands and stands.verdict is Verdict.WAIT else stands

    _standing(dropping)


@planted("without re-answer", _CONTRACT, "test_re_answer_a_decided_revision_gets_its_outcome_again[memory]")
def _no_re_answer() -> None:
    from notifier_service.domain import Judgement, Verdict

    def silent(original: Any, *said: Any) -> Any:
        stands = original(*said)
        return Judgement(Verdict.DROP) if stands and stands.verdict is Verdict.ANSWER else stands

    _standing(silent)


@planted("without tombstone", _CONTRACT, "test_tombstone_an_unknown_message_is_cancelled_then_refused[memory]")
def _no_tombstone() -> None:
    _standing(lambda original, entry, *rest: original(entry._replace(tomb=0), *rest))


@planted("without took-unsure", _CONTRACT, "test_took_unsure_a_lapsed_claim_is_taken_over_and_unsure[memory-1]")
def _no_took_unsure() -> None:
    from notifier_service.domain import State, claims

    def sure(original: Any, entry: Any, *rest: Any) -> Any:
        return original(entry._replace(state=State.RELEASED) if entry.state is State.CLAIMED else entry, *rest)

    around(claims, "_claim", sure)


@planted("answered under a live claim", _CONTRACT, "test_answered_silent_under_a_live_claim_whose_result_is_the_answer[memory]")
def _hasty_answer() -> None:
    from notifier_service import domain
    from notifier_service.domain import claims

    def hasty(original: Any, entry: Any, asked: Any, *rest: Any) -> Any:
        raised, outcome = original(entry, asked, *rest)
        return raised, outcome or claims._cancelled(entry, asked.revision, "")

    around(claims, "cancel", hasty)
    domain.cancel = claims.cancel


def _obstacles(change: Callable[..., Any]) -> None:
    """Swap what stands against sending although the claim is free."""
    from notifier_service.domain import claims

    around(claims, "_obstacle", change)


@planted("without digest", _CONTRACT, "test_unsure_with_other_content_ends_uncertain[memory-change0]")
def _no_digest() -> None:
    _obstacles(lambda original, before, claimed, due, *rest: original(before._replace(digest=due.digest), claimed, due, *rest))


@planted("without too-late", _CONTRACT, "test_late_expires_with_a_reason_and_says_so_again[memory]")
def _no_too_late() -> None:
    _obstacles(lambda original, before, claimed, due, now, terms: original(before, claimed, replace(due, not_after_us=now), now, terms))


@planted("without key-lifetime", _CONTRACT, "test_unsure_past_the_keys_lifetime_ends_uncertain[memory]")
def _no_key_lifetime() -> None:
    _obstacles(lambda original, *said: original(*said[:-1], replace(said[-1], key_lifetime_us=1 << 60)))


@planted("without hold", _CONTRACT, "test_unsure_is_held_where_the_provider_honours_no_keys[memory]")
def _no_hold() -> None:
    _obstacles(lambda original, *said: original(*said[:-1], replace(said[-1], holds_unsure=False)))


@planted("without doubt-stays", _UNIT, "test_claims.py::test_a_doubt_keeps_the_content_that_may_have_been_sent")
def _no_doubt_stays() -> None:
    from notifier_service.domain import State, claims

    def forgetful(original: Any, entry: Any, due: Any, *rest: Any) -> Any:
        judged = original(entry, due, *rest)
        return judged._replace(entry=judged.entry._replace(digest=due.digest)) if judged.entry.state is State.UNCERTAIN else judged

    around(claims, "_claim", forgetful)


@planted("without replay-count", _CONTRACT, "test_a_replay_counts_attempts_anew_and_may_send_what_was_uncertain[memory]")
def _no_replay_count() -> None:
    from notifier_service.domain import claims

    around(claims, "_renew", lambda original, entry, due, *rest: original(entry, replace(due, replay=entry.replay), *rest))


@planted("without fence", _CONTRACT, "test_fence_a_result_of_a_lost_claim_is_not_written_and_its_record_is_judged_anew[postgres]")
def _no_fence() -> None:
    from notifier_service.adapters.postgres import results

    in_sql(results, "_RECORD", "d.fence = excluded.fence AND d.state = 'CLAIMED'", "true")


@planted("without sent-is-fact", _CONTRACT, "test_fence_but_sent_is_a_fact_and_always_written[postgres]")
def _no_sent_is_fact() -> None:
    from notifier_service.adapters.postgres import results

    in_sql(results, "_RECORD", " OR excluded.state = 'SENT' AND d.state <> 'SENT'", "")


@planted("the notifier's own clock", _CONTRACT, "test_early_waits_and_leaves_no_entry[postgres]")
def _notifier_clock() -> None:
    from notifier_service.adapters.postgres import entries

    in_sql(entries, "_OPEN", "clock_timestamp()", clock_of_a_pod())
