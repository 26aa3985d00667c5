"""Callers of the API in pods of their own, beside the mesh."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from charts.rendering import RELEASE
from kubernetes.cluster import Cluster, Object

NAME = "caller"


@dataclass
class Tally:
    """What a caller saw; filled in when it has ended."""

    rounds: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def fine(self) -> int:
        return self.rounds.get("fine", 0)


@contextmanager
def traffic(cluster: Cluster) -> Iterator[Tally]:
    """Calls all through the block."""
    tally = Tally()
    cluster.kubectl("apply", "--filename", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [_script(), _pod()]}))
    cluster.kubectl("wait", f"pod/{NAME}", "--for=condition=Ready", "--timeout=60s")
    try:
        yield tally
    finally:
        # The process ends by SIGTERM and says how it went; the pod stays for its log.
        cluster.kubectl("exec", NAME, "--", "python3", "-c", "import os; os.kill(1, 15)")
        cluster.kubectl("wait", f"pod/{NAME}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        seen = json.loads(cluster.kubectl("logs", NAME).strip().splitlines()[-1])
        tally.rounds, tally.failures, tally.slowest = seen["rounds"], seen["failures"], seen["slowest"]
        cluster.kubectl("delete", "pod", NAME, "--now")


def _script() -> Object:
    text = Path(__file__).with_name("caller.py").read_text(encoding="utf-8")
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": {"caller.py": text}}


def _pod() -> Object:
    container = {
        "name": NAME,
        "image": "heyday/simulator:dev",
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "/test/caller.py"],
        "env": [{"name": "API_URL", "value": f"http://{RELEASE}-gateway:8080"}],
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "test", "mountPath": "/test"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "test", "configMap": {"name": NAME}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME}, "spec": spec}
