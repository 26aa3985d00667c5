"""Where the provider is what one waits for, more notifiers drain a burst sooner. Prints how long each took: see docs/capacity.md."""

import json
import time
import zlib
from typing import Final
from uuid import UUID

import pytest

from charts.rendering import json_change
from kubernetes.cluster import Cluster
from resilience.campaign import Campaign
from servicekit.topics import declared

PARTITIONS: Final = next(topic.partitions for topic in declared() if topic.name.endswith("message-due"))
#: Each notifier has so much in hand at once, and no more: what its pods need of the processor is then far from what there is.
IN_HAND: Final = {"BATCH_RECORDS": 30, "BATCHES_IN_FLIGHT": 2}
#: More calls than ten notifiers have in hand.
CALLS: Final = 1000
ANSWER_SECONDS: Final = 1.0
#: What of a linear gain must be reached. All of them share two cores here: ten take longer over what they do between calls.
LEAST: Final = {5: 0.9, 10: 0.8}


class EvenCampaign(Campaign):
    """Each partition has as many people: by chance the fullest would have some per cent more of so few, which is not what is asked."""

    def draw_people(self, number: int) -> list[UUID]:
        room = [number // PARTITIONS] * PARTITIONS
        people: list[UUID] = []
        while len(people) < number:
            (user,) = super().draw_people(1)
            partition = zlib.crc32(user.bytes) % PARTITIONS
            if room[partition]:
                room[partition] -= 1
                people.append(user)
        return people


def drain_seconds(cluster: Cluster, campaign: Campaign, notifiers: int, messages: int) -> float:
    """From the due instant of a burst until the provider has taken in 99 in 100: a few that fail thrice come again after their backoff."""
    cluster.upgrade(
        json_change("notifier-service.common.autoscaling.enabled", False),
        json_change("notifier-service.common.replicas", notifiers),
        json_change("notifier-service.common.settings", IN_HAND),
        json_change("dispatcher-service.common.settings.CONCURRENCY", CALLS),
        force_conflicts=True,
    )
    cluster.roll_out("notifier-service", "dispatcher-service")
    campaign.clear()
    ids, at = campaign.plan(messages, due_in=30)  # by then the partitions are shared out
    wait_for_most(campaign, messages)
    result = campaign.settle(ids, at, within=300)
    assert result.violations == []
    assert set(result.facts.letters) == set(ids)
    seconds = sorted((letter.accepted_at - at).total_seconds() for letter in result.facts.letters.values())
    return seconds[len(seconds) * 99 // 100]


def wait_for_most(campaign: Campaign, messages: int) -> None:
    """As whoever looks takes from the processor too: rarely, and with little to answer."""
    until = time.monotonic() + 600
    while json.loads(campaign.get(f"{campaign.mesh.provider_url}/stats"))["greetings"] < messages * 0.99:
        assert time.monotonic() < until, "the burst does not drain"
        time.sleep(1)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("failure_share", "messages"), [(0, 15_000), (0.1, 7_500)])
def test_a_burst_drains_faster_with_each_notifier(installed: Cluster, campaign: Campaign, failure_share: float, messages: int) -> None:
    even = EvenCampaign(campaign.mesh, str(campaign.random.getrandbits(64)))
    even.behave(latency_seconds=ANSWER_SECONDS, failure_share=failure_share, failure_codes=[503])
    try:
        alone = drain_seconds(installed, even, 1, messages)
        drains = {notifiers: drain_seconds(installed, even, notifiers, messages) for notifiers in LEAST}
    finally:
        even.behave(latency_seconds=0, failure_share=0)
    shares = {notifiers: alone / seconds / notifiers for notifiers, seconds in drains.items()}
    print(f"{messages} messages, {failure_share:.0%} of the calls fail: one notifier {alone:.1f} s")
    for notifiers, seconds in drains.items():
        print(f"{notifiers} notifiers {seconds:.1f} s, {shares[notifiers]:.0%} of linear")
    assert all(shares[notifiers] >= least for notifiers, least in LEAST.items())
