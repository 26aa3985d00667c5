"""Calls meet every replica, and no change of the mesh fails one."""

import json
import re
import time
from datetime import UTC, datetime

from charts.rendering import RELEASE, json_change
from kubernetes.cluster import DEPLOYMENTS, Cluster, eventually
from kubernetes.traffic import traffic
from resilience.campaign import Campaign

#: A new replica has its share after this long.
SHARE_SECONDS = 60


def handled(cluster: Cluster, pod: str) -> float:
    """Calls of the API that a pod has answered; health checks are not counted."""
    lines = [line for line in cluster.metrics(pod).splitlines() if line.startswith("grpc_server_handled_total") and "Health" not in line]
    return sum(float(re.split(r"\s+", line)[-1]) for line in lines)


def test_calls_are_spread_and_a_new_replica_gets_its_share(installed: Cluster) -> None:
    deployment = f"deployment/{RELEASE}-user-service"
    with traffic(installed) as tally:
        old = installed.ready_pods("user-service")
        eventually(lambda: all(handled(installed, pod) > 20 for pod in old), "calls on every replica", within=60)
        installed.kubectl("scale", deployment, "--replicas=3")
        installed.roll_out("user-service")
        (new,) = set(installed.ready_pods("user-service")) - set(old)
        seconds = eventually(lambda: handled(installed, new) > 20, "calls on the new replica", within=SHARE_SECONDS)
        counts = {pod: handled(installed, pod) for pod in (*old, new)}
        time.sleep(10)
        gained = {pod: handled(installed, pod) - count for pod, count in counts.items()}
        installed.kubectl("scale", deployment, "--replicas=2")
        installed.roll_out("user-service")
    print(f"the new replica had calls after {seconds:.0f} s; within ten seconds the three took {sorted(gained.values())}")
    assert tally.failures == []
    assert min(gained.values()) > 0.5 * max(gained.values())


def test_upgrade_and_rollback_fail_no_call_and_lose_or_double_no_greeting(installed: Cluster, campaign: Campaign) -> None:
    revision = json.loads(installed.helm("history", RELEASE, "--output", "json"))[-1]["revision"]
    with traffic(installed) as tally:
        # From before the first pod goes until after the last has come.
        bursts = [campaign.plan(500, due_in=5 + 5 * number) for number in range(50)]
        ids, at = [each for burst, _ in bursts for each in burst], bursts[-1][1]
        installed.upgrade(*(json_change(f"{chart}.common.podAnnotations.try", "next") for chart in DEPLOYMENTS))
        installed.helm("rollback", RELEASE, str(revision), "--wait", "--timeout", "6m")
        installed.roll_out(*DEPLOYMENTS)
        assert datetime.now(UTC) < at, "the roll-outs outlasted the bursts"
    result = campaign.settle(ids, at, within=120)
    print(f"{tally.fine} rounds of calls, the slowest {tally.slowest} s; {result}")
    assert tally.failures == []
    assert tally.fine > 100
    assert result.violations == []


def test_an_upgrade_restarts_the_pods_whose_secret_has_changed_and_no_others(installed: Cluster) -> None:
    installed.upgrade()
    before = {chart: installed.ready_pods(chart) for chart in DEPLOYMENTS}
    installed.kubectl("patch", "secret", f"{RELEASE}-user-service", "--patch", '{"stringData": {"ANOTHER": "changed"}}')
    installed.upgrade()
    installed.roll_out("user-service")
    after = {chart: installed.ready_pods(chart) for chart in DEPLOYMENTS}
    assert not set(before["user-service"]) & set(after["user-service"])
    assert all(set(before[chart]) <= set(after[chart]) for chart in set(DEPLOYMENTS) - {"user-service", "notifier-service"})


def test_migrations_run_on_every_upgrade(installed: Cluster) -> None:
    before = completed_migrations(installed)
    installed.upgrade()
    assert completed_migrations(installed) - before == 3
    assert installed.get("jobs") == []  # a hook that succeeded is gone; one that failed would have stopped the upgrade


def completed_migrations(cluster: Cluster) -> int:
    """Migration jobs that have come to their end, as far as the cluster remembers."""
    events = cluster.kubectl("get", "events", "--field-selector", "reason=Completed,involvedObject.kind=Job", "--output", "name")
    return events.count("-migrate.")
