"""The mesh in a real cluster: what tests do to it and ask of it, by kubectl and helm."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from backing.ports import free_port
from backing.services import SERVICES, Addresses
from charts.rendering import HELM, PROJECT, RELEASE, UMBRELLA, values_of

NAMESPACE: Final = "heyday"
ENVIRONMENT: Final = "test"
PYTHON_SERVICES: Final = ("user-service", "scheduler-service", "notifier-service", "dispatcher-service")
DEPLOYMENTS: Final = (*PYTHON_SERVICES, "gateway")
ROLLOUT_SECONDS: Final = 180

Object = dict[str, Any]


class CommandFailed(Exception):
    """kubectl or helm refused; the message is theirs."""


class Cluster:
    """A cluster by its kubeconfig, and in it the namespace of the mesh."""

    def __init__(self, kubeconfig: Path) -> None:
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}

    def kubectl(self, *arguments: str, stdin: str = "", namespace: str = NAMESPACE) -> str:
        return self._run(["kubectl", "--namespace", namespace, *arguments], stdin)

    def helm(self, *arguments: str) -> str:
        return self._run([str(HELM), *arguments, "--namespace", NAMESPACE])

    def get(self, *arguments: str) -> list[Object]:
        """Objects as the API server has them."""
        items: list[Object] = json.loads(self.kubectl("get", *arguments, "--output", "json"))["items"]
        return items

    def pods(self, chart: str) -> list[Object]:
        """The pods of a chart that serve and are not on their way out."""
        selector = f"app.kubernetes.io/name={chart},app.kubernetes.io/component=server"
        return [pod for pod in self.get("pods", "--selector", selector) if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self, chart: str) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.pods(chart) if is_ready(pod)]

    def metrics(self, pod: str, port: int = 9090) -> str:
        """A pod's metrics, through the API server."""
        return self.kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{port}/proxy/metrics")

    def evict(self, pod: str) -> None:
        """Asks for a pod to go, as a drain does; raises CommandFailed where a disruption budget forbids it."""
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NAMESPACE}}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
        self.kubectl("create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction))

    def roll_out(self, *charts: str) -> None:
        """Waits until the newest version of each runs everywhere."""
        for chart in charts:
            self.kubectl("rollout", "status", f"deployment/{RELEASE}-{chart}", f"--timeout={ROLLOUT_SECONDS}s")

    def upgrade(self, *changes: str, environment: str = ENVIRONMENT, force_conflicts: bool = False) -> None:
        """Installs or upgrades the mesh, hooks included, and waits until all of it is ready.

        `force_conflicts`: take back what others have come to own, such as the number of replicas that an HPA has set.
        """
        chosen = [argument for change in changes for argument in ("--set-json", change)]
        values = str(values_of(environment))
        force = ["--force-conflicts"] if force_conflicts else []
        self.helm("upgrade", "--install", RELEASE, str(UMBRELLA), "--values", values, *chosen, *force, "--wait", "--timeout", "6m")

    def forward(self, target: str, port: int) -> "Forward":
        return Forward(self._environment, target, port)

    def _run(self, command: Sequence[str], stdin: str = "") -> str:
        ran = subprocess.run(command, env=self._environment, input=stdin, capture_output=True, text=True, check=False, cwd=PROJECT)
        if ran.returncode:
            raise CommandFailed(f"{' '.join(command)}: {ran.stderr or ran.stdout}")
        return ran.stdout


class Forward:
    """A local port that leads to a pod, and is led anew when that pod has gone."""

    def __init__(self, environment: dict[str, str], target: str, port: int) -> None:
        self._environment, self._target, self._port = environment, target, port
        self._process: subprocess.Popen[bytes] | None = None
        self._local = free_port()

    @property
    def address(self) -> str:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        return f"127.0.0.1:{self._local}"

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        self._local = free_port()
        command = ["kubectl", "--namespace", NAMESPACE, "port-forward", self._target, f"{self._local}:{self._port}"]
        self._process = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # "Forwarding from ..."
            raise CommandFailed(f"no way to {self._target}")


class ForwardedMesh:
    """The mesh of the cluster as `invariants` and `resilience.campaign` know it: by addresses on this machine."""

    def __init__(self, cluster: Cluster, forwards: ExitStack) -> None:
        self._postgres, self._simulator, self._gateway = (
            _closed_by(forwards, cluster.forward(target, port))
            for target, port in (
                ("deployment/postgres", 5432),
                (f"service/{RELEASE}-simulator", 8025),
                (f"service/{RELEASE}-gateway", 8080),
            )
        )

    @property
    def provider_url(self) -> str:
        return f"http://{self._simulator.address}"

    @property
    def url(self) -> str:
        return f"http://{self._gateway.address}"

    def addresses(self) -> Addresses:
        return Addresses(self._database_url, "", "", self.provider_url, {name: [] for name in SERVICES})

    def _database_url(self, schema: str) -> str:
        return f"postgresql://{schema}:development@{self._postgres.address}/heyday"


def _closed_by(stack: ExitStack, forward: Forward) -> Forward:
    stack.callback(forward.close)
    return forward


def is_ready(pod: Object) -> bool:
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", []))


def eventually(condition: Callable[[], bool], what: str, *, within: float) -> float:
    """Seconds until the condition was true; AssertionError after the time-out."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + within, f"not within {within:g} s: {what}"
        time.sleep(1)
    return time.monotonic() - began


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except URLError:
        return False
