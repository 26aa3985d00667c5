"""Where the provider is what one waits for, more notifiers drain a burst sooner. Prints how long each took: see docs/capacity.md."""

import pytest

from charts.rendering import json_change
from kubernetes.cluster import Cluster
from resilience.campaign import Campaign

MESSAGES = 6000
#: Each notifier has so much in hand at once, and no more: what its pods need of the processor is then far from what there is.
IN_HAND = {"BATCH_RECORDS": 50, "BATCHES_IN_FLIGHT": 1}
ANSWER_SECONDS = 0.5
#: What of a linear gain must be reached, beside whatever else the machine does. Of 64 partitions one of ten has seven where 6.4 would
#: be even, people are spread by chance, and at the end batches are not full.
LEAST = {5: 0.65, 10: 0.5}


def drain_seconds(cluster: Cluster, campaign: Campaign, notifiers: int) -> float:
    """From the due instant of a burst until the provider has taken in 99 in 100: a few that fail thrice come again after their backoff."""
    cluster.upgrade(
        json_change("notifier-service.common.autoscaling.enabled", False),
        json_change("notifier-service.common.replicas", notifiers),
        json_change("notifier-service.common.settings", IN_HAND),
    )
    cluster.roll_out("notifier-service")
    campaign.clear()
    ids, at = campaign.plan(MESSAGES, due_in=15)  # by then the partitions are shared out
    result = campaign.settle(ids, at, within=300)
    assert result.violations == []
    assert set(result.facts.letters) == set(ids)
    seconds = sorted((letter.accepted_at - at).total_seconds() for letter in result.facts.letters.values())
    return seconds[len(seconds) * 99 // 100]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("failure_share", [0, 0.1])
def test_a_burst_drains_faster_with_each_notifier(installed: Cluster, campaign: Campaign, failure_share: float) -> None:
    campaign.behave(latency_seconds=ANSWER_SECONDS, failure_share=failure_share, failure_codes=[503])
    try:
        alone = drain_seconds(installed, campaign, 1)
        drains = {notifiers: drain_seconds(installed, campaign, notifiers) for notifiers in LEAST}
    finally:
        campaign.behave(latency_seconds=0, failure_share=0)
    shares = {notifiers: alone / seconds / notifiers for notifiers, seconds in drains.items()}
    print(f"{MESSAGES} messages, {failure_share:.0%} of the calls fail: one notifier {alone:.1f} s")
    for notifiers, seconds in drains.items():
        print(f"{notifiers} notifiers {seconds:.1f} s, {shares[notifiers]:.0%} of linear")
    assert all(shares[notifiers] >= least for notifiers, least in LEAST.items())
