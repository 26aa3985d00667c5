"""What a burst and calls cost each part: the figures of docs/capacity.md. Prints tables; other work shows in the seconds only."""

import re
import time
from collections import defaultdict
from collections.abc import Mapping

import pytest

from kubernetes.cluster import NAMESPACE, Cluster
from kubernetes.traffic import traffic
from resilience.campaign import Campaign

MESSAGES = 10_000
CALLS_OF_A_ROUND = 5
#: The kubelet looks at its containers this often, at the latest.
KUBELET_SECONDS = 20
CPU, MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
_SAMPLE = re.compile(
    r'^(?P<name>\w+)\{container="(?P<container>[^"]+)",namespace="(?P<namespace>[^"]+)",pod="(?P<pod>[^"]+)"\} (?P<value>\S+)'
)


def usage(cluster: Cluster, metric: str) -> dict[str, list[float]]:
    """A metric of each container of the namespace, by the container's name."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for node in cluster.get("nodes"):
        text = cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node['metadata']['name']}/proxy/metrics/resource")
        for sample in filter(None, map(_SAMPLE.match, text.splitlines())):
            if sample["name"] == metric and sample["namespace"] == NAMESPACE:
                found[sample["container"]].append(float(sample["value"]))
    return dict(found)


def cpu_seconds(cluster: Cluster) -> dict[str, float]:
    time.sleep(KUBELET_SECONDS)
    return {container: sum(values) for container, values in usage(cluster, CPU).items()}


@pytest.fixture(scope="module")
def rest(installed: Cluster) -> Mapping[str, float]:
    """Cores that each part takes with nothing to do. The replicas are held, so that none comes or goes with its seconds."""
    installed.kubectl("delete", "horizontalpodautoscaler", "--all")
    installed.kubectl("scale", "deployment/heyday-notifier-service", "--replicas=2")
    installed.roll_out("notifier-service")
    time.sleep(60)
    before, began = cpu_seconds(installed), time.monotonic()
    after = cpu_seconds(installed)
    seconds = time.monotonic() - began
    cores = {container: (after[container] - before[container]) / seconds for container in after}
    table("at rest", ("cores of all pods", "MiB of a pod"), cores, megabytes(installed), decimals=3)
    return cores


def test_a_burst_is_measured(installed: Cluster, rest: Mapping[str, float], campaign: Campaign) -> None:
    before, began = cpu_seconds(installed), time.monotonic()
    ids, at = campaign.plan(MESSAGES, due_in=5)
    result = campaign.settle(ids, at, within=300)
    show_cost(installed, rest, before, began, MESSAGES, f"messages due at once: {result}")
    assert result.violations == []


def test_calls_are_measured(installed: Cluster, rest: Mapping[str, float]) -> None:
    before, began = cpu_seconds(installed), time.monotonic()
    with traffic(installed) as tally:
        time.sleep(30)
    show_cost(installed, rest, before, began, CALLS_OF_A_ROUND * tally.fine, "calls of the API")
    assert tally.failures == []


def show_cost(cluster: Cluster, rest: Mapping[str, float], before: Mapping[str, float], began: float, number: int, what: str) -> None:
    """Prints the CPU seconds per thousand that each part took beyond its rest."""
    memory, after = megabytes(cluster), cpu_seconds(cluster)
    seconds = time.monotonic() - began
    net = {each: (after[each] - before[each] - rest.get(each, 0) * seconds) / (number / 1000) for each in before if each in after}
    table(f"{number:,} {what}", ("CPU s per 1,000", "MiB of a pod"), net, memory, decimals=2)


def megabytes(cluster: Cluster) -> dict[str, float]:
    return {container: max(values) / 2**20 for container, values in usage(cluster, MEMORY).items()}


def table(title: str, heads: tuple[str, str], first: Mapping[str, float], second: Mapping[str, float], *, decimals: int) -> None:
    print(f"\n{title}\n| part | {heads[0]} | {heads[1]} |\n|---|---|---|")
    for container in sorted(first):
        print(f"| {container} | {first[container]:.{decimals}f} | {second.get(container, 0):.0f} |")
