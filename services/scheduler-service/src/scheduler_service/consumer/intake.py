"""What each batch of records sets off, and what is counted of it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from scheduler_service import metrics
from scheduler_service.domain import Recipient
from scheduler_service.outcomes import Outcome
from scheduler_service.ports import Confirmed, Offsets
from scheduler_service.service import TakenIn, UserChanges
from scheduler_service.settlement import Settled, Settler, waits_again

USER_CHANGED = "heyday.user.v1.user-changed"
MESSAGE_OUTCOME = "heyday.notifier.v1.message-outcome"


class Intake:
    """Batches of both topics as use cases.

    `wake` is called when something may have come due. `on_time`: the lateness in seconds, by kind, that is still reported as on time.
    """

    def __init__(
        self, changes: UserChanges, settler: Settler, wake: Callable[[], None], consumer: str, on_time: Mapping[str, float]
    ) -> None:
        self._changes = changes
        self._settler = settler
        self._wake = wake
        self._consumer = consumer
        self._on_time = on_time

    async def take_changes(self, snapshots: Sequence[Recipient], offsets: Offsets) -> None:
        _count_changes(await self._changes.take_in(snapshots, self._consumer, offsets))

    async def take_outcomes(self, outcomes: Sequence[Outcome], _: Offsets) -> None:
        """Settling is safe to repeat, so the broker's offsets, committed afterwards, are enough."""
        settled = await self._settler.settle(outcomes)
        _count_outcomes(settled)
        self._measure_lateness(settled.confirmed)
        if waits_again(settled):
            self._wake()

    def _measure_lateness(self, sent: Sequence[Confirmed]) -> None:
        by_kind: defaultdict[str, list[float]] = defaultdict(list)
        for message in sent:
            by_kind[message.kind].append((message.sent_at - message.due_at) / 1_000_000)
        for kind, lateness in by_kind.items():
            metrics.late(kind, lateness, self._on_time[kind])


def _count_changes(taken: TakenIn) -> None:
    metrics.CHANGES.labels("newer").inc(len(taken.changes))
    metrics.CHANGES.labels("older").inc(taken.older)
    metrics.REPLAN_ERRORS.inc(sum(len(change.errors) for change in taken.changes))
    for action, count in Counter(done.action for change in taken.changes for done in change.actions).items():
        metrics.REPLANNED.labels(action).inc(count)


def _count_outcomes(settled: Settled) -> None:
    metrics.SETTLED.labels("sent").inc(len(settled.confirmed))
    metrics.STALE.inc(settled.stale)
    metrics.UNKNOWN.inc(settled.unknown)
    for transition, count in Counter(settlement.transition for _, _, settlement in settled.changed if settlement.transition).items():
        metrics.SETTLED.labels(transition).inc(count)
