"""Every named seam between two lines, broken in every way. Each scenario ends with all promises kept."""

from dataclasses import dataclass
from itertools import product

import pytest

from backing import server
from resilience.campaign import BACKOFF_SECONDS, LEASE_SECONDS, Campaign, taken, wait_until

GREETINGS = 200
DUE_IN_SECONDS = 7  # both schedulers have looked by then, and share the work
#: What a killed process held goes on within 5 s of its lease's end; a call under way has its first backoff; this machine may be busy.
SLACK_SECONDS = 5 + BACKOFF_SECONDS + 12


@dataclass(frozen=True)
class Seam:
    """A point between two lines of one service."""

    name: str
    service: str
    #: Found by *recover* only, for the record or the answer is gone: one run of it, at most a minute away.
    needs_recovery: bool = False


SEAMS = [
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
    ("scheduler.emit.after_produce", "kill"),
    ("notifier.after_claim", "kill"),
    ("dispatcher.after_send", "kill"),
    ("notifier.after_record", "exception"),
    ("notifier.after_claim", "pause"),
    ("scheduler.outcome.before_apply", "slow"),
}


def _parameters() -> list[object]:
    return [
        pytest.param(seam, fault, id=f"{seam.name}-{fault}", marks=[] if (seam.name, fault) in SHORT else pytest.mark.slow)
        for seam, fault in SCENARIOS
    ]


@pytest.mark.parametrize(("seam", "fault"), _parameters())
def test_nothing_is_lost_doubled_or_early(campaign: Campaign, seam: Seam, fault: str) -> None:
    broken = campaign.mesh.replicas[seam.service][0]
    broken.process.log.unlink(missing_ok=True)
    with campaign.armed(broken, seam.name, FAULTS[fault]):
        ids, at = campaign.plan(GREETINGS, due_in=DUE_IN_SECONDS)
        wait_until(lambda: taken(broken, seam.name) or not broken.process.running, 30, f"{seam.name} was never reached")
        if fault == "kill":
            wait_until(lambda: not broken.process.running, 10, f"{broken.name} outlived its kill")
            broken.process.environment = {k: v for k, v in broken.process.environment.items() if k != "FAILPOINTS"}
            server.start(broken)
        allowed = LEASE_SECONDS + SLACK_SECONDS + (PAUSE_SECONDS if fault == "pause" else 0)
        result = campaign.settle(ids, at, within=allowed)
    print(f"{seam.name} {fault}: {result}")
    assert result.violations == []
    assert len(result.facts.letters) == GREETINGS
