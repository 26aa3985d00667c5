"""*plan*: everybody whose day it is, by the rules that are in force."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from scheduler_service import metrics
from scheduler_service.domain import (
    ACCOUNTED_FOR,
    Basis,
    DayInstant,
    KindRules,
    PlanRules,
    Recipient,
    Slice,
    Slot,
    batches,
    day_instants,
    missed_instants,
    slot_of,
    source_of,
)
from scheduler_service.ports import BasisUnit, PlanStore
from servicekit.errors import Unavailable

log = structlog.get_logger()

Instants = Mapping[str, Sequence[DayInstant]]

#: Recipients from which the slots of a new kind are made in one transaction.
_FILL = 5_000


class Planner:
    """Plans in chunks, each a transaction of its own and safe to repeat; takes up new rules first, stands back from newer ones."""

    def __init__(
        self,
        store: PlanStore,
        rules: PlanRules,
        *,
        batch_slots: int,
        concurrency: int,
        months_ahead: int,
        retention_months: int,
        last_look: Callable[[], Awaitable[datetime | None]],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._rules = rules
        self._batch_slots = batch_slots
        self._concurrency = concurrency
        self._months_ahead = months_ahead
        self._retention = timedelta(days=31 * retention_months)
        self._last_look = last_look
        self._changed = changed
        self._took_part = False
        self._made_up_to = datetime.min.replace(tzinfo=UTC)

    async def prepare(self) -> None:
        """What a replica needs before it serves: partitions to write to, and to know whether its rules are in force."""
        await self.keep_partitions()
        await self.take_up_rules()

    async def plan(self) -> dict[str, int]:
        """The whole of *plan*: partitions, rules, and everything that falls due within the horizon or could still be made up."""
        counts = await self.keep_partitions()
        if not await self.take_up_rules():
            return counts | {"stood_back": 1}
        now = await self._store.now()
        instants = {kind: day_instants(rules, now, self._rules.horizon) for kind, rules in self._rules.kinds.items()}
        return counts | {"moved": await self._move(instants), "planned": await self._plan(instants)}

    async def plan_missed(self) -> int:
        """Plan what is past its instant and can still be made up, or came due since anybody looked; return how many messages that was.

        The latter is to expire with a reason. What an earlier call has looked at is not looked at again: whatever changes since then is
        planned with the change.
        """
        if not await self.take_up_rules():
            return 0
        now = await self._store.now()
        looked_at = max(self._made_up_to, await self._last_look() or now)
        past = {kind: missed_instants(rules, now, self._made_up_to, looked_at) for kind, rules in self._rules.kinds.items()}
        planned = await self._plan(past)
        self._made_up_to = now
        return planned

    async def keep_partitions(self) -> dict[str, int]:
        now = await self._store.now()
        left_over = await self._store.rows_in_default_partition()
        metrics.DEFAULT_PARTITION_ROWS.set(left_over)
        # From the earliest date that is planned to the months ahead; one more, for the first may be the month before.
        first = (now - self._look_back()).date()
        return {
            "partitions_made": await self._store.make_partitions(first, self._months_ahead + 2),
            "partitions_retired": await self._store.retire_partitions((now - self._retention).date()),
            "rows_in_default_partition": left_over,
        }

    async def take_up_rules(self) -> bool:
        """Let this replica's rules be the plan's, unless newer ones are; False: stand back.

        Of two that differ but in settings, with one PLAN_EPOCH and tzdata, the replica that began last prevails.
        """
        mine = Basis.of(self._rules)

        async def work(unit: BasisUnit) -> tuple[bool, set[str]]:
            present = await unit.basis()
            if present == mine:
                return True, set()
            if present is not None and not self._overrules(present, mine):
                return False, set()
            if present is not None:
                await self._withdraw(unit, set(present.kinds) - set(mine.kinds))
            await unit.adopt(mine)
            return True, set(mine.kinds) - set(present.kinds) if present else set()

        adopted, added = await self._store.change_basis(work)
        self._took_part = self._took_part or adopted
        if added:
            await self._fill(added)
        metrics.STOOD_BACK.set(not adopted)
        if not adopted:
            log.warning("plan.stood_back", epoch=mine.epoch, tzdata=mine.tzdata_version)
        return adopted

    def _overrules(self, present: Basis, mine: Basis) -> bool:
        return mine.newer_than(present) or (not present.newer_than(mine) and not self._took_part)

    async def _withdraw(self, unit: BasisUnit, removed: set[str]) -> None:
        if removed:
            log.info("plan.kinds_removed", kinds=sorted(removed), cancelled=await unit.withdraw_kinds(removed))

    async def _fill(self, kinds: set[str]) -> None:
        last = await self._store.fill_slots(None, _FILL, lambda recipient: self._slots(recipient, kinds))
        while last is not None:
            last = await self._store.fill_slots(last, _FILL, lambda recipient: self._slots(recipient, kinds))

    def _slots(self, recipient: Recipient, kinds: set[str]) -> list[Slot]:
        made = ((kind, rules, source_of(rules, recipient)) for kind, rules in self._rules.kinds.items() if kind in kinds)
        return [slot_of(kind, rules, recipient, source, None) for kind, rules, source in made if source is not None]

    async def _move(self, instants: Instants) -> int:
        """Re-plan what other rules had planned and whose time has not come, after a report of who moves by how much."""
        moved = 0
        for kind, found in instants.items():
            shifts = await self._store.shifts(kind, found)
            for shift in shifts:
                log.info("plan.moves", kind=kind, zone=shift.zone, messages=shift.messages, largest_seconds=shift.largest.total_seconds())
            moved += await self._store.move(kind, found) if shifts else 0
        metrics.MOVED.inc(moved)
        return moved

    async def _plan(self, instants: Instants) -> int:
        planned = 0
        for kind, found in instants.items():
            rules = self._rules.kinds[kind]
            slices = await self._store.slices(rules, found, self._batch_slots) if found else []
            planned += await self._plan_slices(rules, slices)
        metrics.PLANNED.inc(planned)
        if planned:
            self._changed()
        return planned

    async def _plan_slices(self, rules: KindRules, slices: Sequence[Slice]) -> int:
        waiting = batches(slices, self._batch_slots)

        async def work() -> int:
            # The generator is shared: each worker takes the next batch when it has done one.
            return sum([await self._store.plan(rules, batch) for batch in waiting])

        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(work()) for _ in range(self._concurrency)]
        except* Unavailable as failed:
            # Whoever asked for the run is to see the store's failure, and not the group that it came in.
            raise failed.exceptions[0] from None
        return sum(worker.result() for worker in workers)

    def _look_back(self) -> timedelta:
        return max(rules.belated for rules in self._rules.kinds.values()) + ACCOUNTED_FOR + timedelta(days=3)
