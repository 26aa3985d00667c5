"""Wrong behaviours of the scheduler."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

from resilience.sowing import around, clock_of_a_pod, in_sql, planted

_EMIT: Final = "services/scheduler-service/tests/integration/test_emission_contract.py::"
_RECOVER: Final = "services/scheduler-service/tests/integration/test_recovery_contract.py::"
_SETTLEMENT: Final = "services/scheduler-service/tests/integration/test_settlement_contract.py::"
_REPLAYS: Final = "services/scheduler-service/tests/integration/test_reading_the_plan.py::TestReplays::"
_OUTCOMES: Final = "services/scheduler-service/tests/unit/test_outcomes.py::"
_REPLANNING: Final = "services/scheduler-service/tests/unit/test_replanning.py::"


@planted("the scheduler's own clock", _EMIT, "test_never_early_not_by_a_second[postgres]")
def _scheduler_clock() -> None:
    from scheduler_service.adapters.postgres import emit

    in_sql(emit, "_CLAIM", "clock_timestamp()", clock_of_a_pod())


@planted("without mark-last", _EMIT, "test_mark_last_what_kafka_does_not_acknowledge_stays_scheduled_and_goes_out_later[postgres]")
def _no_mark_last() -> None:
    from scheduler_service.emission import Emitter

    async def marking_first(original: Any, self: Any) -> int:
        async with self._unit() as emission:
            claimed = await emission.claim_due(self._batch)
            if not claimed.messages:
                return 0
            addressees = await emission.addressees([message.user_id for message in claimed.messages])
            emitted = [self._emitted(message, addressees[message.user_id], claimed.now) for message in claimed.messages]
            await emission.mark_queued([(e.message, e.variant) for e in emitted])
        await self._topic.produce(emitted)
        return len(emitted)

    around(Emitter, "_emit_batch", marking_first)


@planted("without slot", _EMIT, "test_slot_a_year_held_by_another_message_lets_none_through[postgres]")
def _no_slot() -> None:
    from scheduler_service.adapters.postgres import emit

    in_sql(emit, "_CLAIM", "o.slot_year IS NULL OR", "true OR")


@planted("without open-holds", _EMIT, "test_open_holds_an_open_question_about_another_date_stops_emission[postgres]")
def _no_open_holds() -> None:
    from scheduler_service.adapters.postgres import emit

    in_sql(emit, "_CLAIM", "q.asked_revision > 0", "false")


@planted("without recover", _RECOVER, "test_a_message_without_an_outcome_is_emitted_again_under_its_revision[memory]")
def _no_recover() -> None:
    from scheduler_service.emission import Emitter

    async def nothing(*_: Any) -> AsyncIterator[int]:
        yield 0

    around(Emitter, "emit_lost", nothing)


def _settle(change: Callable[..., Any]) -> None:
    """Swap what an outcome does to the plan."""
    from scheduler_service import outcomes

    around(outcomes, "settle", change)


@planted("without facts-win", _OUTCOMES, "test_facts_win_sent_is_applied_in_any_state_and_at_any_revision")
def _no_facts_win() -> None:
    from scheduler_service.domain import State
    from scheduler_service.outcomes import Settlement

    _settle(lambda original, was, *rest: original(was, *rest) if was.state is State.QUEUED else Settlement(was))


@planted("without stale", _OUTCOMES, "test_stale_an_outcome_of_another_revision_changes_no_state")
def _no_stale() -> None:
    _settle(lambda original, was, outcome, now: original(was, replace(outcome, revision=was.revision), now))


@planted("without answered", _OUTCOMES, "test_answered_a_withdrawn_message_ends_and_frees_the_year")
def _no_answered() -> None:
    _settle(lambda original, was, *rest: original(replace(was, asked_revision=0), *rest))


@planted("without unsure-holds", _OUTCOMES, "test_a_failure_frees_the_year_unless_it_may_have_been_sent")
def _no_unsure_holds() -> None:
    _settle(lambda original, was, outcome, now: original(replace(was, unsure=False), replace(outcome, unsure=False), now))


@planted("without belated", _OUTCOMES, "test_too_late_for_its_text_becomes_belated")
def _no_belated() -> None:
    _settle(lambda original, was, outcome, now: original(replace(was, expires_at=min(was.expires_at, now)), outcome, now))


@planted("without ask-if-due", _REPLANNING, "test_whatever_has_come_due_is_asked_about_in_every_open_state")
def _no_ask_if_due() -> None:
    from scheduler_service.domain import Message, State

    around(Message, "time_has_come", lambda _, self, now: self.state is State.QUEUED)


@planted("without the plan's tombstone", _REPLANNING, "test_whatever_has_come_due_is_asked_about_in_every_open_state")
def _no_question() -> None:
    from scheduler_service.domain import Message

    around(Message, "time_has_come", lambda *_: False)


@planted("without revision", _REPLANNING, "test_whatever_has_come_due_is_asked_about_in_every_open_state")
def _no_revision() -> None:
    from scheduler_service.domain.replanning import _KindReplan

    def unraised(original: Any, self: Any, message: Any, *said: Any, **named: Any) -> Any:
        revised = replace(original(self, message, *said, **named), revision=message.revision)
        self._change.changed[-1] = revised
        return revised

    around(_KindReplan, "_revise", unraised)


@planted("without ask-again", _RECOVER, "test_an_unanswered_question_is_asked_again[postgres]")
def _no_ask_again() -> None:
    from scheduler_service.adapters.postgres import recover

    in_sql(recover, "_ASK_AGAIN", "asked_revision > 0", "false")


@planted("without expiry-asks", _RECOVER, "test_past_its_budget_a_message_expires_with_a_reason_and_a_question[postgres]")
def _no_expiry_asks() -> None:
    from scheduler_service.adapters.postgres import recover

    in_sql(recover, "_EXPIRE", "asked_revision = m.revision,", "asked_revision = 0,")


@planted("without suppress", _SETTLEMENT, "test_facts_win_over_a_cancel_and_suppress_the_other_plan_of_the_year[postgres]")
def _no_suppress() -> None:
    from scheduler_service.adapters.postgres import outcomes

    in_sql(outcomes, "_SUPPRESS_OTHERS", "m.state IN ('SCHEDULED', 'RETRYING')", "false")


@planted("without keep-variant", _EMIT, "test_while_unsure_the_text_is_kept_for_its_key_allows_no_other[memory]")
def _no_keep_variant() -> None:
    from scheduler_service import emission

    around(emission, "variant_at", lambda original, message, now: original(message._replace(unsure=False), now))


def _replayed(said: str, instead: str) -> None:
    """Swap what a replay writes."""
    from scheduler_service.adapters.postgres import queries

    in_sql(queries, "_REPLAY", said, instead)


@planted("without replay-revision", _REPLAYS, "test_what_ended_unsent_is_planned_again")
def _no_replay_revision() -> None:
    _replayed("revision = revision + 1, ", "")


@planted("a replay that is not told", _REPLAYS, "test_what_ended_unsent_is_planned_again")
def _untold_replay() -> None:
    _replayed("replay = replay + 1, ", "")


@planted("without replay-wanted", _REPLAYS, "test_of_a_deleted_user_it_is_refused")
def _no_replay_wanted() -> None:
    from scheduler_service.domain import replays

    around(replays, "refusal", lambda original, *said, **named: original(*said, **{**named, "active": True}))
