"""The charts as Kubernetes would get them, and the questions that tests put to them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT: Final = Path(__file__).parents[2]
CHARTS: Final = PROJECT / "charts"
UMBRELLA: Final = CHARTS / "heyday"
BUILT_HELM: Final = PROJECT / ".build" / "helm"
HELM: Final = Path(os.environ.get("HELM") or (not BUILT_HELM.exists() and shutil.which("helm")) or BUILT_HELM)
ENVIRONMENTS: Final = ("development", "test", "performance", "staging", "production")
PYTHON_SERVICES: Final = ("user-service", "scheduler-service", "notifier-service", "dispatcher-service")
RELEASE: Final = "heyday"

Object = dict[str, Any]


class Refused(Exception):
    """Helm would not render; the message is its own."""


def values_of(environment: str) -> Path:
    return UMBRELLA / "values" / f"{environment}.yaml"


def choose(environment: str) -> list[str]:
    """Helm's arguments for an environment; for production with provider and sender, which whoever installs has to name."""
    known = {"PROVIDER_URL": "https://email.example.org", "SENDERS": {"*": "Heyday <hello@example.org>"}}
    own = [json_change(f"dispatcher-service.common.settings.{name}", value) for name, value in known.items()]
    chosen = own if environment == "production" else []
    return ["--values", str(values_of(environment)), *(argument for change in chosen for argument in ("--set-json", change))]


def run_helm(*arguments: str) -> str:
    """What helm prints; raises Refused with what it says where it fails."""
    ran = subprocess.run([str(HELM), *arguments], capture_output=True, text=True, check=False, cwd=PROJECT)
    if ran.returncode:
        raise Refused(ran.stdout + ran.stderr)
    return ran.stdout


@cache
def render(environment: str, *changes: str) -> Sequence[Object]:
    """The objects of the umbrella in an environment, with `changes` such as "gateway.ingress.enabled=true" on top."""
    chosen = [argument for change in changes for argument in ("--set-json", change)]
    text = run_helm("template", RELEASE, str(UMBRELLA), "--namespace", RELEASE, *choose(environment), *chosen)
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def name_of(each: Object) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    return [each for each in objects if each["kind"] in kinds]


def named(objects: Sequence[Object], kind: str, name: str) -> Object:
    """The one object of a chart; its name is RELEASE-CHART."""
    return next(each for each in of_kind(objects, kind) if each["metadata"]["name"] == f"{RELEASE}-{name}")


def pod_of(workload: Object) -> Object:
    """A pod's metadata and spec, wherever a workload of its kind keeps them."""
    pod: Object = workload if workload["kind"] == "Pod" else workload["spec"]["template"]
    return pod


def workloads(objects: Sequence[Object]) -> list[Object]:
    return of_kind(objects, "Deployment", "StatefulSet", "Job", "Pod")


def containers(objects: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    for workload in workloads(objects):
        for container in pod_of(workload)["spec"]["containers"]:
            yield f"{name_of(workload)}/{container['name']}", container


def environment_of(objects: Sequence[Object], chart: str) -> dict[str, str]:
    """The environment variables of a chart's process; every secret is sixteen letters."""
    return variables_of(objects, pod_of(named(objects, "Deployment", chart))["spec"]["containers"][0])


def variables_of(objects: Sequence[Object], container: Object) -> dict[str, str]:
    """The environment variables of a container; every secret is sixteen letters."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= {
            **next(each for each in of_kind(objects, "ConfigMap") if each["metadata"]["name"] == source["configMapRef"]["name"])["data"]
        }
    for variable in container.get("env", []):
        found[variable["name"]] = _expand(variable.get("value", "s" * 16), found)
    return found


def max_replicas(objects: Sequence[Object], chart: str) -> int:
    """The most pods of a chart that may run at once, without those of a rollout."""
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        if scaler["metadata"]["name"] == f"{RELEASE}-{chart}":
            return int(scaler["spec"]["maxReplicas"])
    return int(named(objects, "Deployment", chart)["spec"]["replicas"])


def selects(selector: Mapping[str, str], workload: Object) -> bool:
    labels: Mapping[str, str] = pod_of(workload)["metadata"].get("labels", {})
    return selector.items() <= labels.items()


def read_yaml(*paths: Path) -> list[Object]:
    return [each for path in paths for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def json_change(path: str, value: object) -> str:
    return f"{path}={json.dumps(value)}"


def _expand(value: str, known: Mapping[str, str]) -> str:
    for name, text in known.items():
        value = value.replace(f"$({name})", text)
    return value
