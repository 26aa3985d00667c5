"""Wrong behaviours against what the protocol says of the database and what is round it: its clock, its locks, Redis, time-outs."""

import asyncio
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

from resilience.sowing import around, in_sql, planted

_NOTIFIER: Final = "services/notifier-service/tests/"
_SCHEDULER: Final = "services/scheduler-service/tests/integration/"
_CLOCK: Final = f"{_SCHEDULER}test_clock_in_transactions.py::"
_LOCKS: Final = f"{_SCHEDULER}test_order_of_locks.py::"
_SETTINGS: Final = f"{_NOTIFIER}unit/test_notifier_settings.py::"


def _by_the_start(module: ModuleType, *names: str) -> None:
    """Swap the clock for the time at which the transaction began."""
    for name in names:
        in_sql(module, name, "clock_timestamp()", "now()")


@planted("the transaction's clock in a claim", _CLOCK, "test_a_claim_takes_what_came_due_since_its_transaction_began[postgres]")
def _claim_by_the_start() -> None:
    from scheduler_service.adapters.postgres import emit

    _by_the_start(emit, "_CLAIM")


@planted(
    "the transaction's clock in a mark",
    _CLOCK,
    "test_what_is_marked_is_younger_than_its_record_which_is_not_lost_while_it_waits_on_the_topic[postgres]",
)
def _mark_by_the_start() -> None:
    from scheduler_service.adapters.postgres import emit

    _by_the_start(emit, "_MARK")


@planted("the transaction's clock in a second mark", _CLOCK, "test_nor_is_the_record_that_recover_produced[postgres]")
def _second_mark_by_the_start() -> None:
    from scheduler_service.adapters.postgres import emit

    _by_the_start(emit, "_MARK_AGAIN")


@planted("the transaction's clock in a change", _CLOCK, "test_a_change_asks_about_what_came_due_while_it_waited_for_a_lock")
def _change_by_the_start() -> None:
    from sqlalchemy import text

    from servicekit.postgres import engine

    engine._NOW = text("SELECT now()")


@planted("the transaction's clock in a tick", _CLOCK, "test_a_lease_is_counted_from_when_it_is_had_and_not_from_when_it_was_asked_for")
def _tick_by_the_start() -> None:
    from scheduler_service.adapters.postgres import ticks

    _by_the_start(ticks, "_ACQUIRE")


@planted(
    "the transaction's clock in the ledger",
    _NOTIFIER,
    "integration/test_ledger_in_postgres.py::test_a_claim_goes_by_the_time_of_its_statement_not_of_its_transaction",
)
def _ledger_by_the_start() -> None:
    from notifier_service.adapters.postgres import entries

    _by_the_start(entries, "_OPEN")


@planted("recipients joined to the claim", _LOCKS, "test_an_edit_that_commits_while_the_claim_looks_is_emitted_with_its_address")
def _joined() -> None:
    from scheduler_service.adapters.postgres import emit
    from scheduler_service.ports import Addressee

    found: dict[bytes, Addressee] = {}

    def apart(original: Any, rows: Sequence[Sequence[Any]]) -> Any:
        found.update((row[0], Addressee(*row[1:5])) for row in rows)
        return original([row[5:] for row in rows])

    async def remembered(*_: Any) -> dict[bytes, Addressee]:
        return found

    in_sql(emit, "_CLAIM", "SELECT m.id,", "SELECT r.user_id, r.email, r.first_name, r.last_name, r.locale, m.id,")
    in_sql(emit, "_CLAIM", "\nWHERE m.state", "JOIN recipients r ON r.user_id = m.user_id\nWHERE m.state")
    around(emit, "_claimed", apart)
    around(emit.PostgresEmission, "addressees", remembered)


@planted("recipients locked in another order", _LOCKS, "test_a_change_locks_in_order[recipients]")
def _recipients_downwards() -> None:
    from scheduler_service.adapters.postgres import recipients

    in_sql(recipients, "_LOCK", "ORDER BY user_id", "ORDER BY user_id DESC")


@planted("slots locked in another order", _LOCKS, "test_a_change_locks_in_order[occasions]")
def _slots_downwards() -> None:
    from scheduler_service.adapters.postgres import recipients

    in_sql(recipients, "_LOCK_SLOTS", "ORDER BY user_id", "ORDER BY user_id DESC")


@planted("messages locked in another order", _LOCKS, "test_outcomes_lock_in_order[messages]")
def _messages_downwards() -> None:
    from scheduler_service.adapters.postgres import outcomes

    in_sql(outcomes, "_LOCK_MESSAGES", "ORDER BY id", "ORDER BY id DESC")


@planted("messages locked before their slots", _LOCKS, "test_outcomes_lock_in_order[occasions]")
def _messages_first() -> None:
    from scheduler_service.adapters.postgres import outcomes

    in_sql(outcomes, "_OWNERS", "BETWEEN %s AND %s", "BETWEEN %s AND %s FOR UPDATE")


@planted(
    "entries locked in another order",
    _NOTIFIER,
    "integration/test_ledger_in_postgres.py::test_entries_are_locked_in_the_order_of_their_ids",
)
def _entries_downwards() -> None:
    from notifier_service.adapters.postgres import entries

    in_sql(entries, "_LOCK", "ORDER BY id", "ORDER BY id DESC")


@planted("a deadlock is the end", "libs/servicekit/tests/integration/test_servicekit_postgres.py::test_a_deadlock_is_tried_again")
def _no_second_try() -> None:
    from servicekit.postgres import transactions

    around(transactions, "_is_repeatable", lambda *_: False)


@planted("a plan for a year that is held", _SCHEDULER, "test_planning_of_all.py::TestPassedOver::test_a_slot_that_holds_the_year[postgres]")
def _plans_held_years() -> None:
    from scheduler_service.adapters.postgres import plan

    in_sql(plan, "_PLAN", "o.slot_message_id IS NULL OR", "true OR")


@planted(
    "a change for a year that is held",
    _SCHEDULER,
    "test_changes_of_users.py::TestAlreadySent::test_a_new_date_brings_nothing_more_this_year[memory]",
)
def _replans_held_years() -> None:
    from scheduler_service.domain.replanning import _KindReplan

    around(_KindReplan, "_barred", lambda *_: "")


@planted(
    "emit does not wait for the broker",
    _SCHEDULER,
    "test_emission_contract.py::test_after_a_failed_batch_nothing_is_claimed_before_a_wait[memory]",
)
def _spins() -> None:
    from scheduler_service.emission import Emitter
    from servicekit.kafka import KafkaUnavailable

    async def at_once(original: Any, self: Any) -> int:
        while True:
            try:
                return int(await original(self))
            except KafkaUnavailable:
                await asyncio.sleep(0)

    around(Emitter, "emit", at_once)


@planted(
    "what Redis knows is not told",
    _NOTIFIER,
    "unit/test_delivery_service.py::test_what_is_remembered_as_sent_is_told_again_without_a_claim",
)
def _silent_hits() -> None:
    from notifier_service.service import DeliveryService

    async def silent(_: Any, self: Any, dues: Sequence[Any]) -> list[Any]:
        known = await self._hints.look([due.id for due in dues])
        self._desk.done([due for due in dues if due.id in known])
        return [due for due in dues if due.id not in known]

    around(DeliveryService, "_answer_known", silent)


@planted("a lease that a rebalance outlasts", _SETTINGS, "test_a_lease_that_a_rebalance_could_outlast_is_refused")
def _any_lease() -> None:
    from notifier_service import settings

    settings.LEASE_MARGIN_SECONDS = -math.inf


@planted(
    "an acknowledgement that outlasts its transaction",
    "libs/servicekit/tests/unit/test_settings.py::test_an_acknowledgement_must_fit_into_a_transaction",
)
def _any_acknowledgement() -> None:
    from servicekit import settings

    settings.ROOM_IN_A_TRANSACTION_SECONDS = -math.inf


@planted("a call begun when its lease is over", _NOTIFIER, "unit/test_delivery_service.py::test_a_claim_too_short_for_a_call_is_released")
def _calls_all_the_same() -> None:
    from notifier_service.service import DeliveryService

    async def whatever_is_left(original: Any, self: Any, waiting: Any, deadline: float, settling: Any) -> Any:
        return await original(self, waiting, deadline + 3600, settling)

    around(DeliveryService, "_call", whatever_is_left)
