"""Settling outcomes: what the ledger says becomes what the plan says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from scheduler_service.domain import Transition
from scheduler_service.outcomes import Outcome, Result, Settlement, settle
from scheduler_service.ports import Confirmed, OpenMessage, SettlementPlan, SettlementStore
from servicekit import failpoint

Change = tuple[OpenMessage, Outcome, Settlement]


@dataclass(slots=True)
class Settled:
    """What a batch of outcomes changed."""

    confirmed: list[Confirmed] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unknown: int = 0

    @property
    def stale(self) -> int:
        """Outcomes that changed no state: repeated, of an older revision, or an answer only."""
        return sum(settlement.transition is None for _, _, settlement in self.changed)


class Settler:
    """Settles batches of outcomes: the plain SENT in one statement, all others under locks."""

    def __init__(self, store: SettlementStore) -> None:
        self._store = store

    async def settle(self, outcomes: Sequence[Outcome]) -> Settled:
        """Settle outcomes in their order. Repeating a batch changes nothing."""
        await failpoint.reach("scheduler.outcome.before_apply")
        total = Settled()
        for batch in _each_message_once(outcomes):
            settled = await self._settle(batch)
            total.confirmed += settled.confirmed
            total.changed += settled.changed
            total.unknown += settled.unknown
        return total

    async def _settle(self, outcomes: Sequence[Outcome]) -> Settled:
        sent = [outcome for outcome in outcomes if outcome.result is Result.SENT]
        confirmed = await self._store.settle(lambda plan: plan.confirm_sent(sent)) if sent else []
        done = {row.id for row in confirmed}
        rest = {outcome.message_id: outcome for outcome in outcomes if outcome.message_id.bytes not in done}
        changed = await self._store.settle(lambda plan: _settle_locked(plan, rest)) if rest else []
        return Settled(confirmed, changed, len(rest) - len(changed))


async def _settle_locked(plan: SettlementPlan, outcomes: Mapping[UUID, Outcome]) -> list[Change]:
    messages = await plan.lock(list(outcomes))
    changes = [(message, outcomes[message.id], settle(message.standing, outcomes[message.id], message.now)) for message in messages]
    await plan.write([change for change in changes if change[2].transition or change[2].standing != change[0].standing])
    return changes


def waits_again(settled: Settled) -> bool:
    """Whether a message may have become due earlier than *emit* expects."""
    again = {Transition.RETRIED, Transition.HELD, Transition.BELATED}
    return any(settlement.transition in again or settlement.transition is None for _, _, settlement in settled.changed)


def _each_message_once(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Cut the batch so that a message occurs once in a part: its outcomes are settled one after the other."""
    if len({outcome.message_id for outcome in outcomes}) == len(outcomes):
        return [list(outcomes)] if outcomes else []
    parts: list[list[Outcome]] = []
    seen: dict[object, int] = {}
    for outcome in outcomes:
        number = seen[outcome.message_id] = seen.get(outcome.message_id, -1) + 1
        if number == len(parts):
            parts.append([])
        parts[number].append(outcome)
    return parts
