"""What the network policies let through is what the settings name, at both ends, and nothing else."""

import re
from collections.abc import Iterator, Sequence

import pytest

from charts.rendering import ENVIRONMENTS, Object, json_change, name_of, of_kind, pod_of, render, selects, variables_of, workloads

pytestmark = pytest.mark.usefixtures("helm")

SMTP = tuple(
    json_change(*change)
    for change in (
        ("global.provider.kind", "smtp"),
        ("dispatcher-service.common.settings.PROVIDER_URL", ""),
        ("dispatcher-service.common.settings.SMTP_HOST", "mail.example.org"),
    )
)
TRACES = (json_change("global.otlpEndpoint", "http://collector.monitoring:4317"),)
CASES = {**{each: (each,) for each in ENVIRONMENTS}, "smtp": ("production", *SMTP), "traces": ("production", *TRACES)}

Address = tuple[str, int]
#: A port and the labels of the pods at the other end; None for anybody.
Rule = tuple[int, dict[str, str] | None]

DNS = 53
PORTS = {"http": 80, "https": 443}
ADDRESS = re.compile(r"(?:(?P<scheme>[a-z]+):/{2,3}(?:[^/@]*@)?)?(?P<host>[a-z][a-z0-9.-]*)(?::(?P<port>\d+))?(?:[/?].*)?")


@pytest.fixture(params=CASES)
def objects(request: pytest.FixtureRequest) -> Sequence[Object]:
    return render(*CASES[request.param])


def addresses(objects: Sequence[Object], workload: Object) -> set[Address]:
    """Hosts and ports that the arguments and settings of a workload name."""
    found: set[Address] = set()
    for container in pod_of(workload)["spec"]["containers"]:
        variables = variables_of(objects, container)
        if variables.get("SMTP_HOST"):
            found.add((variables["SMTP_HOST"], int(variables.get("SMTP_PORT", "587"))))
        for text in (*variables.values(), *container.get("args", [])):
            for match in filter(None, map(ADDRESS.fullmatch, text.split(","))):
                port = match["port"] or PORTS.get(match["scheme"] or "")
                found |= {(match["host"], int(port))} if port else set()
    return found


def rules(policy: Object, direction: str) -> Iterator[Rule]:
    for rule in policy["spec"].get(direction, []):
        for peer in rule.get("to" if direction == "egress" else "from", [None]):
            labels = peer and peer.get("podSelector", peer.get("namespaceSelector"))["matchLabels"]
            yield from ((port["port"], labels) for port in rule["ports"])


def rules_for(objects: Sequence[Object], workload: Object, direction: str) -> list[Rule]:
    policies = [each for each in of_kind(objects, "NetworkPolicy") if selects(each["spec"]["podSelector"]["matchLabels"], workload)]
    return [rule for policy in policies for rule in rules(policy, direction)]


def admits(rule: Rule, port: int, other: Object | None) -> bool:
    number, labels = rule
    return number == port and (labels is None or (other is not None and selects(labels, other)))


def called(objects: Sequence[Object], host: str) -> Object | None:
    """The workload of the release that a name leads to."""
    return next((each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == host), None)


def test_there_is_something_to_reach(objects: Sequence[Object]) -> None:
    reached = {name_of(each): addresses(objects, each) for each in workloads(objects)}
    silent = {name for name, found in reached.items() if not found}
    assert silent <= {"Deployment/heyday-simulator"}


def test_what_a_setting_names_is_let_through_at_both_ends(objects: Sequence[Object]) -> None:
    for workload in workloads(objects):
        for host, port in addresses(objects, workload):
            target = called(objects, host)
            says = f"{name_of(workload)} to {host}:{port}"
            assert any(admits(rule, port, target) for rule in rules_for(objects, workload, "egress")), says
            if target:
                assert any(admits(rule, port, workload) for rule in rules_for(objects, target, "ingress")), says


def test_names_can_be_looked_up_by_whoever_speaks(objects: Sequence[Object]) -> None:
    for workload in workloads(objects):
        if addresses(objects, workload):
            assert (DNS, None) in rules_for(objects, workload, "egress"), name_of(workload)


def test_nobody_may_call_what_no_setting_names(objects: Sequence[Object]) -> None:
    for policy in of_kind(objects, "NetworkPolicy"):
        pods = [each for each in workloads(objects) if selects(policy["spec"]["podSelector"]["matchLabels"], each)]
        named = {address for pod in pods for address in addresses(objects, pod)}
        for rule in rules(policy, "egress"):
            assert rule == (DNS, None) or any(admits(rule, port, called(objects, host)) for host, port in named), (
                f"{name_of(policy)} {rule}"
            )


def test_nobody_is_let_in_who_does_not_call(objects: Sequence[Object]) -> None:
    for target in of_kind(objects, "Deployment"):
        name = target["metadata"]["name"]
        ports = {port["name"]: port["containerPort"] for port in pod_of(target)["spec"]["containers"][0]["ports"]}
        public = [(ports["http"], None)] if name.endswith("-gateway") else []
        watched = [(ports["metrics"], {"kubernetes.io/metadata.name": "monitoring"})] if "metrics" in ports else []
        for rule in rules_for(objects, target, "ingress"):
            callers = [each for each in workloads(objects) if (name, rule[0]) in addresses(objects, each)]
            assert rule in [*public, *watched] or any(admits(rule, rule[0], each) for each in callers), f"{name} {rule}"
