"""What is there after `helm install`, and what an install refuses."""

import json
from collections.abc import Iterator
from itertools import cycle

import pytest

from charts.rendering import RELEASE, UMBRELLA, choose
from kubernetes.cluster import DEPLOYMENTS, PYTHON_SERVICES, Cluster, CommandFailed, eventually, is_ready


@pytest.mark.parametrize("chart", [*DEPLOYMENTS, "simulator"])
def test_every_pod_is_ready_and_has_not_been_restarted(installed: Cluster, chart: str) -> None:
    # The notifiers' autoscaler may add one at any time.
    eventually(lambda: all(map(is_ready, installed.pods(chart))), f"every pod of {chart} ready", within=120)
    pods = installed.pods(chart)
    assert pods
    assert sum(status["restartCount"] for pod in pods for status in pod["status"]["containerStatuses"]) == 0


def test_no_pod_may_be_root_or_write_its_root(installed: Cluster) -> None:
    pods = installed.get("pods")
    assert pods
    for pod in pods:
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, pod["metadata"]["name"]
        for container in pod["spec"]["containers"]:
            # The images of these write beside their data; production's come from operators.
            read_only = container["name"] not in ("postgres", "kafka")
            assert container["securityContext"].get("readOnlyRootFilesystem", False) is read_only, pod["metadata"]["name"]


# The gateway's image has nothing but the gateway that could try.
@pytest.mark.parametrize("chart", [*PYTHON_SERVICES, "simulator"])
def test_no_process_is_root_or_can_write_its_root(installed: Cluster, chart: str) -> None:
    pod = installed.ready_pods(chart)[0]
    probe = "import os, pathlib; print(os.getuid()); pathlib.Path('/app/written').touch()"
    with pytest.raises(CommandFailed, match="Read-only file system"):
        installed.kubectl("exec", pod, "--", "python3", "-c", probe)
    assert installed.kubectl("exec", pod, "--", "python3", "-c", "import os; print(os.getuid())").strip() == "65532"


def test_a_greeting_goes_from_rest_to_the_provider_and_is_read_back(installed: Cluster) -> None:
    said = installed.helm("test", RELEASE, "--logs", "--timeout", "3m")
    assert "The mesh works" in said


def test_a_bad_value_is_refused_and_changes_nothing(installed: Cluster) -> None:
    before = installed.helm("history", RELEASE, "--output", "json")
    with pytest.raises(CommandFailed, match="maxReplicas"):
        installed.upgrade("notifier-service.common.autoscaling.maxReplicas=65")
    assert installed.helm("history", RELEASE, "--output", "json") == before


SECRETS = (
    *(f"heyday-postgres-{role}" for role in ("users", "scheduler", "notifier")),
    *("redis", "user-service", "scheduler-service", "notifier-service"),
)
STRONG = "k7Qm2vXw9RtB4nZs"


@pytest.fixture
def secrets_of_production(installed: Cluster) -> Iterator[None]:
    for name in SECRETS:
        installed.kubectl("create", "secret", "generic", name, f"--from-literal=password={STRONG}")
    yield
    installed.kubectl("delete", "secret", *SECRETS)


def refusal_with(cluster: Cluster, secret: str, password: str) -> str:
    """What an install for production says when one Secret holds this password, and all others a strong one."""

    def hold(held: str) -> None:
        cluster.kubectl("patch", "secret", secret, "--patch", json.dumps({"stringData": {"password": held}}))

    hold(password)
    try:
        cluster.helm("install", "earnest", str(UMBRELLA), *choose("production"), "--dry-run=server")
    except CommandFailed as refused:
        return str(refused)
    finally:
        hold(STRONG)
    return ""


def test_production_refuses_a_weak_password_in_any_secret(installed: Cluster, secrets_of_production: None) -> None:
    # This cluster knows no Certificate, so an install is refused in the end; but not for its passwords.
    assert "password" not in refusal_with(installed, "redis", STRONG)
    for secret, weak in zip(SECRETS, cycle(["", "development", "ChangeMeChangeMe1"]), strict=False):
        assert f"Secret {secret} must hold a password of at least 16 characters" in refusal_with(installed, secret, weak)
    assert "letters and digits only" in refusal_with(installed, "redis", "k7Qm2vXw/RtB4nZs@")
