"""Pods come and go in the middle of bursts, and the promises hold."""

import threading
import time

import pytest

from charts.rendering import RELEASE
from kubernetes.cluster import Cluster, CommandFailed, eventually
from resilience.campaign import Campaign


@pytest.mark.parametrize("chart", ["notifier-service", "dispatcher-service", "scheduler-service"])
def test_a_pod_killed_in_a_burst_loses_and_doubles_nothing(installed: Cluster, campaign: Campaign, chart: str) -> None:
    ids, at = campaign.plan(3000, due_in=4)
    victim = installed.ready_pods(chart)[0]
    time.sleep(max(0.0, at.timestamp() + 0.5 - time.time()))
    installed.kubectl("delete", "pod", victim, "--grace-period=0", "--force")
    result = campaign.settle(ids, at, within=240)
    print(result)
    installed.roll_out(chart)
    assert result.violations == []


def test_a_drain_takes_one_pod_of_a_service_at_a_time(installed: Cluster) -> None:
    first, second = installed.ready_pods("user-service")[:2]
    installed.evict(first)
    with pytest.raises(CommandFailed, match="disruption budget"):
        installed.evict(second)
    installed.roll_out("user-service")


def test_the_autoscaler_follows_a_load_up_and_down(installed: Cluster, campaign: Campaign) -> None:
    if not has_metrics(installed):
        pytest.skip("the cluster has no metrics API, by which an autoscaler sees a load: no metrics-server is installed")
    installed.roll_out("notifier-service")
    eventually(lambda: replicas(installed) == 2, "two notifiers at rest", within=240)
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(2):
            seen.append(replicas(installed))

    watcher = threading.Thread(target=watch)
    watcher.start()
    # Three hundred a second: about a tenth of a core for the notifiers, by docs/capacity.md.
    bursts = [campaign.plan(4500, due_in=10 + 15 * number) for number in range(6)]
    ids = [each for burst, _ in bursts for each in burst]
    result = campaign.settle(ids, bursts[-1][1], within=240)
    peak = max(seen)
    try:
        seconds = eventually(lambda: replicas(installed) == 2, "down to two notifiers", within=240)
    finally:
        over.set()
        watcher.join()
    print(f"{result}; {peak} notifiers at the peak, two again {seconds:.0f} s after it")
    assert result.violations == []
    assert peak > 2


def has_metrics(cluster: Cluster) -> bool:
    try:
        cluster.kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes")
    except CommandFailed:
        return False
    return True


def replicas(cluster: Cluster) -> int:
    """How many the autoscaler wants."""
    return int(cluster.kubectl("get", f"deployment/{RELEASE}-notifier-service", "--output", "jsonpath={.spec.replicas}"))
