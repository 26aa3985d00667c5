import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from backing.mesh import Mesh
from charts.rendering import HELM, PROJECT, RELEASE
from kubernetes.cluster import DEPLOYMENTS, ENVIRONMENT, Cluster, CommandFailed, ForwardedMesh
from resilience.campaign import Campaign

IMAGES = (*DEPLOYMENTS, "simulator")
KUBERNETES = "1.34.0"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(420))


@pytest.fixture(scope="session")
def cluster(k8s_manager: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster of KUBECONFIG, into which somebody has loaded the images; else one of kind, where there is docker."""
    if not HELM.exists():
        pytest.skip("there is no helm: make tools-helm")
    given = os.environ.get("KUBECONFIG", "")
    options: list[str] = []
    if given:
        # A copy: the plugin may remove the file it is given.
        kubeconfig = tmp_path_factory.mktemp("cluster") / "kubeconfig"
        shutil.copy(given, kubeconfig)
        manager = k8s_manager("external")("heyday", None, kubeconfig)
    elif shutil.which("kind") and shutil.which("docker"):
        manager = k8s_manager("kind")("heyday", str(PROJECT / "k8s/kind/cluster.yaml"))
        # With a configuration the plugin says neither, but loads images and deletes by its own name.
        options = ["--name", manager.cluster_name, "--image", f"kindest/node:v{KUBERNETES}"]
    else:
        pytest.skip("no cluster: KUBECONFIG is not set, and there is no kind with docker")
    manager.create(timeout=120, options=options)
    for image in IMAGES:
        manager.load_image(f"heyday/{image}:dev")
    yield Cluster(Path(manager.kubeconfig))
    manager.delete()


def environment_there(cluster: Cluster) -> str | None:
    """Which environment the release that is there was installed for; None: there is none."""
    if not json.loads(cluster.helm("list", "--filter", f"^{RELEASE}$", "--output", "json")):
        return None
    return str(json.loads(cluster.helm("get", "values", RELEASE, "--all", "--output", "json"))["global"]["environment"])


@pytest.fixture(scope="session")
def installed(cluster: Cluster) -> Iterator[Cluster]:
    """The mesh with its backing services, all ready; gone afterwards."""
    if (environment := environment_there(cluster)) not in (None, ENVIRONMENT):
        pytest.exit(f"A mesh for {environment} lives in this cluster, in the namespace that these tests would delete.", returncode=1)
    cluster.kubectl("apply", "--filename", "k8s/dev/namespace.yaml", namespace="default")
    cluster.kubectl("apply", "--kustomize", "k8s/dev")
    for server in ("postgres", "redis", "kafka"):
        cluster.kubectl("rollout", "status", f"deployment/{server}", "--timeout=180s")
    try:
        cluster.upgrade()
        yield cluster
    finally:
        if not os.environ.get("KEEP"):
            cluster.kubectl("delete", "namespace", "heyday", "--wait=true", "--timeout=180s", namespace="default")


@pytest.fixture(scope="session")
def mesh(installed: Cluster) -> Iterator[ForwardedMesh]:
    with ExitStack() as forwards:
        yield ForwardedMesh(installed, forwards)


@pytest.fixture
def campaign(mesh: ForwardedMesh, request: pytest.FixtureRequest) -> Campaign:
    """Bursts on the mesh, judged by the invariants of the resilience tests; SEED=... repeats one."""
    seed = f"{os.environ.get('SEED') or random.SystemRandom().randrange(1_000_000)} {request.node.name}"
    print(f"seed {seed}")
    campaign = Campaign(cast(Mesh, mesh), seed)
    campaign.clear()
    return campaign


@pytest.fixture(autouse=True)
def explained(request: pytest.FixtureRequest) -> Iterator[None]:
    """Shows, after a failure, what the cluster says of its pods."""
    yield
    if "installed" in request.fixturenames and getattr(request.node, "failed", False):
        installed: Cluster = request.getfixturevalue("installed")
        try:
            print(installed.kubectl("get", "pods", "--output", "wide"))
            print(installed.kubectl("get", "events", "--sort-by", ".lastTimestamp")[-4000:])
        except CommandFailed as error:
            print(error)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    item.failed = outcome.get_result().failed  # type: ignore[attr-defined]
