"""The use cases of the plan's side: taking changes of users in, planning everybody, and reading the plan."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from scheduler_service import metrics
from scheduler_service.domain import (
    GREETED_DAYS,
    Change,
    Known,
    Message,
    MessageFilter,
    PlanRules,
    Recipient,
    Replan,
    Transition,
    replan,
)
from scheduler_service.ports import Offsets, Queries, ReplanStore, ReplanUnit
from servicekit.errors import NotFound

# Messages of earlier dates have nothing left to change; those that hold a year are read by their id.
_LOOK_BACK = timedelta(days=GREETED_DAYS + 2)


class MessageNotFound(NotFound):
    """There is no such message."""


@dataclass(slots=True)
class TakenIn:
    """What a batch of changes did. `older` are snapshots of users who are known as they were later."""

    changes: list[Change] = field(default_factory=list)
    older: int = 0


class UserChanges:
    """Takes snapshots of users in, and plans these users anew, with the consumer's offsets in the same transaction."""

    def __init__(self, store: ReplanStore, rules: PlanRules, changed: Callable[[], None]) -> None:
        self._store = store
        self._rules = rules
        self._changed = changed

    async def take_in(self, snapshots: Sequence[Recipient], consumer: str, offsets: Offsets) -> TakenIn:
        """Safe to repeat: a snapshot that is not newer changes nothing. Raises Unavailable."""
        rounds = each_user_once(snapshots)

        async def work(unit: ReplanUnit) -> TakenIn:
            taken = TakenIn()
            for of_users in rounds:
                await self._replan(unit, of_users, taken)
            await unit.store_offsets(consumer, offsets)
            return taken

        taken = await self._store.replan(work)
        if any(change.planned or change.changed for change in taken.changes):
            self._changed()
        return taken

    async def _replan(self, unit: ReplanUnit, snapshots: dict[UUID, Recipient], taken: TakenIn) -> None:
        recipients = await unit.lock_recipients(snapshots)
        newer = {user_id: snapshot for user_id, snapshot in snapshots.items() if snapshot.newer_than(recipients.get(user_id))}
        slots = await unit.lock_slots(newer)
        held = [slot.slot_message_id for kinds in slots.values() for slot in kinds.values() if slot.slot_message_id]
        messages = await unit.lock_messages(newer, (await unit.now() - _LOOK_BACK).date(), held)
        now = await unit.now()
        changes = [
            replan(self._rules, Known(recipients.get(user_id), slots.get(user_id, {}), messages.get(user_id, ())), snapshot, now)
            for user_id, snapshot in sorted(newer.items())
        ]
        await unit.save(changes, now)
        taken.changes += changes
        taken.older += len(snapshots) - len(newer)


def each_user_once(snapshots: Iterable[Recipient]) -> list[dict[UUID, Recipient]]:
    """Cut a batch into rounds, so that each change of a user is looked at, in order. Nearly every batch is one round."""
    rounds: list[dict[UUID, Recipient]] = []
    seen: Counter[UUID] = Counter()
    for snapshot in snapshots:
        number = seen[snapshot.user_id]
        seen[snapshot.user_id] += 1
        if number == len(rounds):
            rounds.append({})
        rounds[number][snapshot.user_id] = snapshot
    return rounds


class Plan:
    """Reads the plan, and tries again what has ended."""

    def __init__(self, queries: Queries, changed: Callable[[], None]) -> None:
        self._queries = queries
        self._changed = changed

    async def message(self, message_id: UUID) -> Message:
        """Raises MessageNotFound."""
        found = await self._queries.message(message_id)
        if found is None:
            raise MessageNotFound(metadata={"message": str(message_id)})
        return found

    async def messages(self, wanted: MessageFilter, after: tuple[date, UUID] | None, limit: int) -> Sequence[Message]:
        return await self._queries.messages(wanted, after, limit)

    async def replans(self, user_id: UUID, after: tuple[int, int] | None, limit: int) -> Sequence[Replan]:
        """None of a user of whom nothing was heard yet: a new one cannot be told from one that does not exist."""
        return await self._queries.replans(user_id, after, limit)

    async def replay(self, message_ids: Sequence[UUID]) -> tuple[list[UUID], dict[UUID, str]]:
        """The messages that are planned again, and why the others are not."""
        refused = dict(await self._queries.replay(message_ids)) if message_ids else {}
        metrics.REFUSED.labels(Transition.REPLAYED).inc(len(refused))
        self._changed()
        return [message_id for message_id in message_ids if message_id not in refused], refused
