"""What a burst costs each service: the figures of docs/capacity.md. Prints a table; other work on the machine shows in the seconds only."""

import time
from collections.abc import Mapping
from threading import Event, Thread

from kubernetes.cluster import DEPLOYMENTS, Cluster
from kubernetes.traffic import traffic
from resilience.campaign import Campaign

MESSAGES = 10_000
CPU, MEMORY = "process_cpu_seconds_total", "process_resident_memory_bytes"


def sums(cluster: Cluster, name: str) -> dict[str, float]:
    """A metric of each service, summed over its pods."""
    return {chart: sum(value(cluster.metrics(pod), name) for pod in cluster.ready_pods(chart)) for chart in DEPLOYMENTS}


def value(metrics: str, name: str) -> float:
    return next(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith(f"{name} "))


def largest_pods(cluster: Cluster) -> dict[str, float]:
    return {chart: max(value(cluster.metrics(pod), MEMORY) for pod in cluster.ready_pods(chart)) / 2**20 for chart in DEPLOYMENTS}


def test_a_burst_is_measured(installed: Cluster, campaign: Campaign) -> None:
    """The notifier's replicas are held, so that none comes or goes with its seconds."""
    installed.kubectl("delete", "horizontalpodautoscaler", "--all")
    installed.kubectl("scale", "deployment/heyday-notifier-service", "--replicas=2")
    installed.roll_out("notifier-service")
    rest, before = largest_pods(installed), sums(installed, CPU)
    peak = dict(rest)
    over = Event()
    watcher = Thread(target=watch, args=(installed, peak, over))
    watcher.start()
    ids, at = campaign.plan(MESSAGES, due_in=5)
    result = campaign.settle(ids, at, within=300)
    over.set()
    watcher.join()
    show(f"{MESSAGES:,} messages due at once, {result.seconds:.1f} s", MESSAGES / 1000, before, sums(installed, CPU), rest, peak)
    assert result.violations == []


def test_rest_is_measured(installed: Cluster) -> None:
    before, began = sums(installed, CPU), time.monotonic()
    time.sleep(30)
    seconds, after = time.monotonic() - began, sums(installed, CPU)
    pods = {chart: len(installed.ready_pods(chart)) for chart in DEPLOYMENTS}
    print(
        "\nat rest, millicores of a pod:",
        {chart: round(1000 * (after[chart] - before[chart]) / seconds / pods[chart]) for chart in DEPLOYMENTS},
    )


def test_calls_are_measured(installed: Cluster) -> None:
    rest, before = largest_pods(installed), sums(installed, CPU)
    with traffic(installed) as tally:
        time.sleep(20)
        after, peak = sums(installed, CPU), largest_pods(installed)
    calls = 5 * tally.fine
    show(f"{calls} calls of the API", calls / 1000, before, after, rest, peak)
    assert tally.failures == []


def watch(cluster: Cluster, peak: dict[str, float], over: Event) -> None:
    while not over.wait(1):
        for chart, megabytes in largest_pods(cluster).items():
            peak[chart] = max(peak[chart], megabytes)


def show(
    what: str,
    thousands: float,
    before: Mapping[str, float],
    after: Mapping[str, float],
    rest: Mapping[str, float],
    peak: Mapping[str, float],
) -> None:
    print(f"\n{what}\n| service | CPU s per 1,000 | MB at rest | MB at the peak |\n|---|---|---|---|")
    for chart in DEPLOYMENTS:
        print(f"| {chart} | {(after[chart] - before[chart]) / thousands:.2f} | {rest[chart]:.0f} | {peak[chart]:.0f} |")
