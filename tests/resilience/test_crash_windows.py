"""Every named seam between two lines, broken in every way. Each scenario ends with all promises kept."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from backing import server
from backing.replica import Replica
from invariants import connect
from notifier_service.settings import Settings
from resilience.campaign import BACKOFF_SECONDS, LEASE_SECONDS, OUTCOME_PATIENCE_SECONDS, SETTINGS, Campaign, Result, taken, wait_until
from resilience.changes import movers
from resilience.report import CRASH_WINDOW

GREETINGS, MOVERS = 200, 20
DUE_IN_SECONDS = 7  # both schedulers have looked by then, and share the work
#: Calls last, so that processes die while others are under way.
LATENCY_SECONDS = 0.3
#: Longer than it takes until an offset that is given up for committed is known to the broker: one given up too early is so by then.
COMMITTED_SECONDS = 1.5
#: What was on the wire when a process died has reached the provider by then.
ARRIVAL_SECONDS = 0.2
#: From the last greeting to the last outcome in the plan; this machine may be busy.
SLACK_SECONDS = 12
SENDERS = ("notifier-service", "dispatcher-service")
BATCH_RECORDS = int(SETTINGS["notifier-service"]["BATCH_RECORDS"])
BATCHES_IN_FLIGHT = int(Settings.model_fields["batches_in_flight"].default)
CALLS = 40


@dataclass(frozen=True)
class Seam:
    """A point between two lines of one service. `needs_changes`: it is come to when users change.

    `turns`: so often one of its replicas comes to it in a burst at least; the fault comes at one of these turns.
    `latency_seconds`: how long calls last.
    """

    name: str
    service: str
    needs_changes: bool = False
    turns: int = 3
    latency_seconds: float = LATENCY_SECONDS


SEAMS = [
    Seam("outbox.after_acknowledgement", "user-service", needs_changes=True),
    Seam("scheduler.replan.between_writes", "scheduler-service", needs_changes=True),
    Seam("scheduler.emit.after_claim", "scheduler-service", turns=2),
    Seam("scheduler.emit.after_produce", "scheduler-service", turns=2),
    Seam("scheduler.outcome.before_apply", "scheduler-service", turns=2),
    Seam("notifier.after_consume", "notifier-service"),
    Seam("notifier.after_claim", "notifier-service"),
    Seam("dispatcher.before_send", "dispatcher-service", turns=CALLS),
    Seam("dispatcher.after_send", "dispatcher-service", turns=CALLS),
    Seam("notifier.after_results", "notifier-service", latency_seconds=COMMITTED_SECONDS),
    Seam("notifier.after_record", "notifier-service"),
    Seam("notifier.after_outcome", "notifier-service"),
]
BEFORE_THE_CALL = ("notifier.after_consume", "notifier.after_claim")
PAUSE_SECONDS = 2 * LEASE_SECONDS
#: Who stood still has to have gone on, and done what it still believes to be its work, before all is judged.
OVER_AFTER = {"pause": timedelta(seconds=PAUSE_SECONDS + 4)}
FAULTS = {"kill": "kill", "exception": "raise", "pause": f"pause:{PAUSE_SECONDS}", "slow": "sleep:3"}
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


def allowed_seconds(seam: Seam, fault: str) -> float:
    """S6: the lease and 5 s; a dispatcher's end fails the calls that are under way, which have their first backoff."""
    backoff = BACKOFF_SECONDS if seam.service == "dispatcher-service" else 0
    return LEASE_SECONDS + 5 + backoff + (PAUSE_SECONDS if fault == "pause" else 0)


def most_repeats(seam: Seam, fault: str, turn: int) -> int:
    """S6: as many messages as the broken process may have had sent and not recorded when it came to the seam for that time."""
    if seam.service not in SENDERS or fault == "slow":
        return 0
    if seam.service == "dispatcher-service" and fault == "exception":
        return int(seam.name == "dispatcher.after_send")  # One call fails, the process goes on.
    if seam.name == "dispatcher.before_send":
        return turn - 1  # So many calls had begun.
    batches = min(turn, BATCHES_IN_FLIGHT) - 1 if seam.name in BEFORE_THE_CALL else BATCHES_IN_FLIGHT
    return batches * BATCH_RECORDS


@dataclass
class Broken:
    """When the fault came and was over; each message with the instant from which it is due; what had been sent then and not recorded."""

    at: datetime
    over_at: datetime
    due_at: dict[UUID, datetime]
    unrecorded: set[UUID]

    @property
    def recovered_from(self) -> datetime:
        """Nothing is queued before it is due, and so nothing that is lost made up for before this."""
        return min(self.due_at.values()) + timedelta(seconds=OUTCOME_PATIENCE_SECONDS)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("seam", "fault"), _parameters())
def test_nothing_is_lost_doubled_or_early(
    campaign: Campaign, seam: Seam, fault: str, record_property: Callable[[str, object], None]
) -> None:
    turn = campaign.random.randint(1, seam.turns)
    allowed, most = allowed_seconds(seam, fault), most_repeats(seam, fault, turn)
    with _broken_at(campaign, seam, fault, turn) as broken:
        judged_from = max(broken.over_at, *broken.due_at.values())
        result = campaign.settle(list(broken.due_at), judged_from, within=allowed + SLACK_SECONDS)
        judged_at = datetime.now(UTC)
    latest, again = _latest(result, broken), {key for key, letter in result.facts.letters.items() if letter.calls > 1}
    print(
        f"{seam.name} {fault} at turn {turn}: {result}, the latest {latest:.1f} s after it, {len(broken.unrecorded)} sent and not recorded"
    )
    figures = {"seam": seam.name, "fault": fault, "turn": turn, "latest_s": round(latest, 1), "allowed_s": allowed}
    record_property(CRASH_WINDOW, {**figures, "repeats": result.repeats, "unrecorded": len(broken.unrecorded), "most_repeats": most})
    assert result.violations == []
    assert set(result.facts.letters) == set(broken.due_at)
    assert latest <= allowed
    assert {result.facts.plan[key].state for key in broken.due_at} == {"SENT"}
    assert result.repeats <= most
    if fault == "kill":
        assert again <= broken.unrecorded, "what had been recorded was called again"
        assert judged_at < broken.recovered_from, "*recover* may have made up for what was lost"


@contextmanager
def _broken_at(campaign: Campaign, seam: Seam, fault: str, turn: int) -> Iterator[Broken]:
    """A burst in which a replica broke when it came to the seam for that time."""
    replica = campaign.mesh.replicas[seam.service][0]
    replica.process.log.unlink(missing_ok=True)
    people = movers(campaign, MOVERS if seam.needs_changes else 0)
    with _slow_provider(campaign, seam.latency_seconds), campaign.armed(replica, seam.name, f"{FAULTS[fault]}@{turn}"):
        ids, due_at = campaign.plan(GREETINGS, due_in=DUE_IN_SECONDS)
        with people.moving_to_today(due_at) as moved:
            wait_until(lambda: taken(replica, seam.name), 30, f"{seam.name} was not reached {turn} times")
            at = datetime.now(UTC)
            broken = Broken(at, at + OVER_AFTER.get(fault, timedelta()), dict.fromkeys(ids, due_at), set())
            if fault == "kill":
                broken.unrecorded = _bury(campaign, replica)
        broken.due_at |= moved
        yield broken
    server.start(replica)  # Who has died of an exception is back for the next.


@contextmanager
def _slow_provider(campaign: Campaign, latency_seconds: float) -> Iterator[None]:
    campaign.behave(latency_seconds=latency_seconds)
    try:
        yield
    finally:
        campaign.behave(latency_seconds=0)


def _bury(campaign: Campaign, replica: Replica) -> set[UUID]:
    """See it dead, read what the provider had and the ledger did not, and start it again."""
    wait_until(lambda: not replica.process.running, 10, f"{replica.name} outlived its kill")
    with connect(campaign.mesh, "notifier") as ledger:
        recorded = {row[0] for row in ledger.execute("SELECT id FROM deliveries WHERE state = 'SENT'")}
    time.sleep(ARRIVAL_SECONDS)
    letters = json.loads(campaign.get(f"{campaign.mesh.provider_url}/received"))["received"]
    replica.process.environment = {name: value for name, value in replica.process.environment.items() if name != "FAILPOINTS"}
    server.start(replica)
    return {UUID(letter["key"]) for letter in letters} - recorded


def _latest(result: Result, broken: Broken) -> float:
    """How long after the fault, and after its own time, the last greeting came."""
    letters, due_at = result.facts.letters, broken.due_at
    late = (letters[key].accepted_at - max(due_at[key], broken.at) for key in due_at.keys() & letters.keys())
    return max((each.total_seconds() for each in late), default=0.0)
