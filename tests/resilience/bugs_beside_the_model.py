"""Wrong behaviours against what the protocol says outside of its model: deadlines, parking, rebalances, backlogs, content, doubt."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from resilience.sowing import around, in_sql, planted

_NOTIFIER: Final = "services/notifier-service/tests/"
_SCHEDULER: Final = "services/scheduler-service/tests/integration/"
_HTTP_EMAIL: Final = "services/dispatcher-service/tests/integration/test_http_email.py::"


@planted("a call until the lease's end", _NOTIFIER, "unit/test_delivery_service.py::test_a_call_ends_two_seconds_before_the_lease")
def _no_margin() -> None:
    from notifier_service import service

    service.LEASE_MARGIN_SECONDS = 0.0


@planted("a claim before its time", _NOTIFIER, "unit/test_claims.py::test_the_window_includes_both_ends[-1-early]")
def _claimed_early() -> None:
    from notifier_service.domain import claims

    around(claims, "_claim", lambda original, entry, due, *rest: original(entry, replace(due, not_before_us=0), *rest))


@planted(
    "cancelled though it may have been sent", _NOTIFIER, "unit/test_claims.py::test_a_question_ends_what_is_open_and_below_it_and_only_that"
)
def _buried_without_doubt() -> None:
    from notifier_service.domain import State, claims

    def sure(original: Any, entry: Any, *rest: Any) -> Any:
        buried = original(entry, *rest)
        return buried if buried is entry else buried._replace(state=State.CANCELLED)

    around(claims, "_bury", sure)


@planted("any revision of a batch", _NOTIFIER, "unit/test_due_desk.py::test_of_one_id_the_highest_revision_is_worked_on_and_finishes_all")
def _any_revision() -> None:
    from notifier_service.consumer.desk import DueDesk

    def first_come(original: Any, self: Any, batch: Sequence[Any], readable: Any) -> Any:
        first: dict[bytes, Any] = {}
        for received, due in readable:
            first.setdefault(due.id, (received, due))
        return original(self, batch, first.values())

    around(DueDesk, "take", first_come)


@planted(
    "a partition parks without end",
    _NOTIFIER,
    "unit/test_due_desk.py::test_a_partition_with_too_many_parked_is_crowded_until_they_are_looked_up",
)
def _parks_without_end() -> None:
    from notifier_service.consumer.desk import DueDesk

    around(DueDesk, "crowded", lambda *_: frozenset())


@planted(
    "revoked partitions are let go as they are",
    _NOTIFIER,
    "unit/test_consumers.py::test_revoked_partitions_are_finished_and_committed_first",
)
def _let_go() -> None:
    from notifier_service.consumer.due import DueConsumer

    async def forgetting(_: Any, self: Any, partitions: Collection[Any]) -> None:
        self._desk.forget(partitions)

    around(DueConsumer, "revoked", forgetting)


@planted("recover doubles a backlog", _SCHEDULER, "test_recovery_contract.py::test_what_still_waits_on_the_topic_is_not_doubled[memory]")
def _doubled_backlog() -> None:
    from scheduler_service import emission

    around(emission, "_is_lost", lambda *_: True)


@planted("two of one year in one batch", _SCHEDULER, "test_emission_contract.py::test_slot_two_due_dates_of_one_year_send_one[memory]")
def _two_of_one_year() -> None:
    from scheduler_service import emission

    around(emission, "_one_per_slot", lambda _, messages: list(messages))


@planted(
    "a plan that locks nothing", _SCHEDULER, "test_planning_of_all.py::test_a_planner_waits_for_an_edit_that_has_not_committed_and_heeds_it"
)
def _plans_unlocked() -> None:
    from scheduler_service.adapters.postgres import plan

    in_sql(plan, "_PLAN", "FOR SHARE OF o", "")


@planted(
    "an address is no content",
    _SCHEDULER,
    "test_changes_of_users.py::TestContentChanged::test_a_copy_on_its_way_is_called_back[memory-email]",
)
def _no_content() -> None:
    from scheduler_service.domain import replanning

    around(replanning, "content_changed", lambda *_: False)


@planted("no answer is a refusal", _HTTP_EMAIL, "test_no_answer_is_unsure_whether_it_was_taken_in_or_not[AiohttpClient-drop_share-1]")
def _no_answer_refused() -> None:
    from dispatcher_service.adapters.http_email import HttpEmail
    from dispatcher_service.domain import Verdict

    async def sure(original: Any, *said: Any) -> Any:
        answer = await original(*said)
        return answer._replace(verdict=Verdict.REFUSED) if answer.verdict is Verdict.UNSURE else answer

    around(HttpEmail, "send", sure)


@planted("what may be taken in is a refusal", _HTTP_EMAIL, "test_a_status_after_which_it_may_have_been_taken_in[AiohttpClient-502]")
def _server_errors_refused() -> None:
    from dispatcher_service.adapters import http_email

    http_email._TRY_LATER = http_email._TRY_LATER | frozenset(range(500, 600))
