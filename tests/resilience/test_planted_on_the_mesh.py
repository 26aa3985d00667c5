"""The scenarios themselves are tried: with a wrong behaviour in one service of the mesh, the scenario that is to notice goes red.

That they are green without it is shown by the same run: they are tests of this folder.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from invariants import connect
from resilience import test_crash_windows, test_nine_o_clock, test_races, test_read_again
from resilience.campaign import Campaign
from resilience.due_topic import wait_until_read
from resilience.sown import sown

Scenario = Callable[[Campaign], None]


def crash_window(seam: str, fault: str) -> Scenario:
    broken = next(each for each in test_crash_windows.SEAMS if each.name == seam)
    return lambda campaign: test_crash_windows.test_nothing_is_lost_doubled_or_early(campaign, broken, fault, lambda *_: None)


def read_again_without_redis(campaign: Campaign) -> None:
    test_read_again.test_what_is_sent_is_not_sent_again(campaign, test_read_again.emptied)


@dataclass(frozen=True)
class Planted:
    """Wrong behaviours by service, the scenario that is to notice, and what it then says."""

    plants: Mapping[str, str]
    scenario: Scenario
    says: str


PLANTED = {
    "lost: the offset is committed first": Planted(
        {"notifier-service": "without offset-last"}, crash_window("notifier.after_results", "kill"), "is still QUEUED"
    ),
    "lost: marked as sent before it is sent": Planted(
        {"notifier-service": "marked as sent before it is sent"},
        crash_window("notifier.after_record", "kill"),
        "is SENT(?: in the ledger)?, and the provider never got it",
    ),
    "doubled: redis alone decides, and is emptied": Planted(
        {"notifier-service": "redis alone decides"}, read_again_without_redis, r"where \d+ = sum"
    ),
    "doubled: redis alone decides, and was not told": Planted(
        {"notifier-service": "redis alone decides"},
        crash_window("notifier.after_record", "kill"),
        "what had been recorded was called again",
    ),
    "doubled: a new key for each try": Planted(
        {"dispatcher-service": "a new key for each try"}, crash_window("dispatcher.after_send", "kill"), "was sent and is in no plan"
    ),
    "doubled: a claim without a fence": Planted(
        {"notifier-service": "without fence"},
        crash_window("notifier.after_claim", "pause"),
        "SENT in the plan and (RELEASED|RETRY) in the ledger",
    ),
    "early: the clocks of the pods decide": Planted(
        {"scheduler-service": "the scheduler's own clock", "notifier-service": "the notifier's own clock"},
        crash_window("notifier.after_consume", "slow"),
        r"came \S+ early",
    ),
    "early or late: the day chosen by UTC": Planted(
        {"scheduler-service": "the day chosen by UTC"},
        test_nine_o_clock.test_tomorrow_is_planned_for_nine_where_each_person_is,
        "was planned for|was never planned",
    ),
    "sent after its cancel: no tombstone": Planted(
        {"notifier-service": "without tombstone"}, test_races.test_a_change_overtakes_a_greeting_that_nobody_has_claimed, "removal', 'SENT"
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("planted", [pytest.param(each, id=name.replace(" ", "-")) for name, each in PLANTED.items()])
def test_the_scenario_goes_red(campaign: Campaign, planted: Planted) -> None:
    with swept(campaign), sown(campaign.mesh, planted.plants), pytest.raises(AssertionError) as red:
        planted.scenario(campaign)
    print(str(red.value)[:300])
    assert re.search(planted.says, str(red.value))


@contextmanager
def swept(campaign: Campaign) -> Iterator[None]:
    """Afterwards nothing is left to do, and what was lost is not waited for."""
    yield
    wait_until_read(campaign.mesh.kafka.bootstrap_servers, 60)
    with connect(campaign.mesh, "scheduler") as plan:
        plan.execute("DELETE FROM messages")
