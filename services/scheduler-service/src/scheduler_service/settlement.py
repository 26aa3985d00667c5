"""Settling outcomes: what the ledger says becomes what the plan says."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from scheduler_service.domain import Transition
from scheduler_service.outcomes import Outcome, Result, Settlement, settle
from scheduler_service.ports_delivery import Confirmed, OpenMessage, SettlementPlan
from servicekit import failpoint

SettlementUnit = Callable[[], AbstractAsyncContextManager[SettlementPlan]]


@dataclass(slots=True)
class Settled:
    """What a batch of outcomes changed."""

    confirmed: list[Confirmed] = field(default_factory=list)
    changed: list[tuple[OpenMessage, Outcome, Settlement]] = field(default_factory=list)
    unknown: int = 0

    @property
    def stale(self) -> int:
        """Outcomes that changed no state: repeated, of an older revision, or an answer only."""
        return sum(settlement.transition is None for _, _, settlement in self.changed)


class Settler:
    """Settles batches of outcomes; a batch is one transaction for each time that a message occurs in it."""

    def __init__(self, unit: SettlementUnit) -> None:
        self._unit = unit

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
        async with self._unit() as plan:
            sent = [outcome for outcome in outcomes if outcome.result is Result.SENT]
            confirmed = await plan.confirm_sent(sent) if sent else []
            done = {row.id for row in confirmed}
            rest = {outcome.message_id: outcome for outcome in outcomes if outcome.message_id.bytes not in done}
            messages = await plan.lock(list(rest)) if rest else []
            changed = [(m, rest[m.id], settle(m.standing, rest[m.id], m.now)) for m in messages]
            await plan.write([(m, outcome, new) for m, outcome, new in changed if new.standing != m.standing or new.transition])
        return Settled(confirmed, changed, len(rest) - len(messages))


def waits_again(settled: Settled) -> bool:
    """Whether a message may have become due earlier than *emit* expects."""
    again = {Transition.RETRIED, Transition.HELD, Transition.BELATED}
    return any(settlement.transition in again or settlement.transition is None for _, _, settlement in settled.changed)


def _each_message_once(outcomes: Sequence[Outcome]) -> list[list[Outcome]]:
    """Cut the batch so that a message occurs once in a part: its outcomes are settled one after the other."""
    parts: list[list[Outcome]] = []
    seen: dict[object, int] = {}
    for outcome in outcomes:
        number = seen[outcome.message_id] = seen.get(outcome.message_id, -1) + 1
        if number == len(parts):
            parts.append([])
        parts[number].append(outcome)
    return parts
