"""Wrong behaviours of the dispatcher, the scheduler and the calendar."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timezone, tzinfo
from typing import Any, Final
from uuid import uuid4

from resilience.sowing import around, clock_of_a_pod, in_sql, planted

_COURIER: Final = "services/dispatcher-service/tests/unit/test_courier.py::"
_TEMPLATES: Final = "services/dispatcher-service/tests/unit/test_templates.py::"
_EMIT: Final = "services/scheduler-service/tests/integration/test_emission_contract.py::"
_RECOVER: Final = "services/scheduler-service/tests/integration/test_recovery_contract.py::"
_OUTCOMES: Final = "services/scheduler-service/tests/unit/test_outcomes.py::"
_REPLANNING: Final = "services/scheduler-service/tests/unit/test_replanning.py::"
_INSTANTS: Final = "libs/occasions/tests/unit/test_send_instants.py::"


@planted("a new key for each try", _COURIER, "test_every_try_carries_the_same_key_and_content")
def _new_key() -> None:
    from dispatcher_service.courier import Courier

    async def renaming(original: Any, self: Any, letter: Any, *rest: Any) -> Any:
        return await original(self, replace(letter, key=str(uuid4())), *rest)

    around(Courier, "_send", renaming)


@planted("a new key for each dispatch", _TEMPLATES, "test_the_key_is_the_message_id")
def _new_key_each_dispatch() -> None:
    from dispatcher_service.adapters.templates import TemplateComposer

    around(TemplateComposer, "compose", lambda original, self, due: replace(original(self, due), key=str(uuid4())))


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

    async def nothing(*_: Any) -> int:
        return 0

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


@planted("without ask-if-due", _REPLANNING, "test_whatever_has_come_due_is_asked_about_in_every_open_state")
def _no_ask_if_due() -> None:
    from scheduler_service.domain import Message, State

    around(Message, "time_has_come", lambda _, self, now: self.state is State.QUEUED)


@planted("without a question", _REPLANNING, "test_whatever_has_come_due_is_asked_about_in_every_open_state")
def _no_question() -> None:
    from scheduler_service.domain import Message

    around(Message, "time_has_come", lambda *_: False)


@planted("the day chosen by UTC", _INSTANTS, "test_future_is_after_today_where_the_person_is")
def _day_by_utc() -> None:
    from occasions import calendar

    def of_utc(_: Any, zone: str, instant: datetime) -> date:
        return instant.astimezone(UTC).date()

    around(calendar, "local_date_at", of_utc)


@planted("zone names as fixed offsets", _INSTANTS, "test_send_instant")
def _fixed_offsets() -> None:
    from occasions import zones

    def fixed(original: Any, name: str) -> tzinfo:
        offset = datetime(2026, 1, 1, tzinfo=original(name)).utcoffset()
        assert offset is not None
        return timezone(offset, name)

    around(zones, "zone", fixed)
