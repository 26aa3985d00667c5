"""Every named seam between two lines, broken in every way. Each scenario ends with all promises kept."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from uuid import UUID

import pytest

from backing import server
from backing.replica import Replica
from resilience.campaign import BACKOFF_SECONDS, LEASE_SECONDS, Campaign, Result, taken, wait_until
from resilience.changes import movers
from resilience.report import CRASH_WINDOW

GREETINGS, MOVERS = 200, 20
DUE_IN_SECONDS = 7  # both schedulers have looked by then, and share the work
#: S6: what a killed process held goes on within 5 s of its lease's end, and a call under way has its first backoff.
KILLED_SECONDS = LEASE_SECONDS + 5 + BACKOFF_SECONDS
#: From the last greeting to the last outcome in the plan; this machine may be busy.
SLACK_SECONDS = 12
#: Batches in flight times their records: what one notifier, and so one dispatcher, can have sent and not yet recorded.
IN_HAND = 4 * 40
SENDERS = ("notifier-service", "dispatcher-service")


@dataclass(frozen=True)
class Seam:
    """A point between two lines of one service. `needs_changes`: it is come to when users change."""

    name: str
    service: str
    needs_changes: bool = False


SEAMS = [
    Seam("outbox.after_acknowledgement", "user-service", needs_changes=True),
    Seam("scheduler.replan.between_writes", "scheduler-service", needs_changes=True),
    Seam("scheduler.emit.after_claim", "scheduler-service"),
    Seam("scheduler.emit.after_produce", "scheduler-service"),
    Seam("scheduler.outcome.before_apply", "scheduler-service"),
    Seam("notifier.after_consume", "notifier-service"),
    Seam("notifier.after_claim", "notifier-service"),
    Seam("dispatcher.before_send", "dispatcher-service"),
    Seam("dispatcher.after_send", "dispatcher-service"),
    Seam("notifier.after_results", "notifier-service"),
    Seam("notifier.after_record", "notifier-service"),
    Seam("notifier.after_outcome", "notifier-service"),
]
PAUSE_SECONDS = 2 * LEASE_SECONDS
FAULTS = {"kill": "kill@1", "exception": "raise@1", "pause": f"pause:{PAUSE_SECONDS}@1", "slow": "sleep:3@1"}
SCENARIOS = list(product(SEAMS, FAULTS))
#: What `make test` runs: each service, each kind of fault.
SHORT = {
    ("outbox.after_acknowledgement", "kill"),
    ("scheduler.replan.between_writes", "exception"),
    ("scheduler.emit.after_produce", "kill"),
    ("notifier.after_claim", "kill"),
    ("dispatcher.after_send", "kill"),
    ("notifier.after_claim", "pause"),
    ("scheduler.outcome.before_apply", "slow"),
}


def _parameters() -> list[object]:
    return [
        pytest.param(seam, fault, id=f"{seam.name}-{fault}", marks=[] if (seam.name, fault) in SHORT else pytest.mark.slow)
        for seam, fault in SCENARIOS
    ]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("seam", "fault"), _parameters())
def test_nothing_is_lost_doubled_or_early(
    campaign: Campaign, seam: Seam, fault: str, record_property: Callable[[str, object], None]
) -> None:
    broken = campaign.mesh.replicas[seam.service][0]
    broken.process.log.unlink(missing_ok=True)
    allowed = KILLED_SECONDS + (PAUSE_SECONDS if fault == "pause" else 0)
    with _broken_at(campaign, seam, fault, broken) as due_at:
        result = campaign.settle(list(due_at), max(due_at.values()), within=allowed + SLACK_SECONDS)
    latest = _latest(result, due_at)
    print(f"{seam.name} {fault}: {result}, the latest {latest:.1f} s after its time")
    figures = {"seam": seam.name, "fault": fault, "latest_s": round(latest, 1), "allowed_s": allowed, "repeats": result.repeats}
    record_property(CRASH_WINDOW, figures)
    assert result.violations == []
    assert set(result.facts.letters) == set(due_at)
    assert latest <= allowed
    assert {result.facts.plan[key].state for key in due_at} == {"SENT"}
    assert result.repeats <= (IN_HAND if seam.service in SENDERS else 0)


@contextmanager
def _broken_at(campaign: Campaign, seam: Seam, fault: str, broken: Replica) -> Iterator[Mapping[UUID, datetime]]:
    """A burst in which the replica broke at the seam; gives each message with the instant from which it is due."""
    people = movers(campaign, MOVERS if seam.needs_changes else 0)
    with campaign.armed(broken, seam.name, FAULTS[fault]):
        ids, at = campaign.plan(GREETINGS, due_in=DUE_IN_SECONDS)
        with people.moving_to_today(at) as moved:
            wait_until(lambda: taken(broken, seam.name) or not broken.process.running, 30, f"{seam.name} was never reached")
            if fault == "kill":
                wait_until(lambda: not broken.process.running, 10, f"{broken.name} outlived its kill")
                broken.process.environment = {name: value for name, value in broken.process.environment.items() if name != "FAILPOINTS"}
                server.start(broken)
        yield dict.fromkeys(ids, at) | moved


def _latest(result: Result, due_at: Mapping[UUID, datetime]) -> float:
    letters = result.facts.letters
    return max(((letters[key].accepted_at - due_at[key]).total_seconds() for key in due_at.keys() & letters.keys()), default=0.0)
