"""What must be true of everything that is installed, whatever the values."""

from typing import Any

import pytest

from charts.rendering import (
    ENVIRONMENTS,
    Object,
    containers,
    json_change,
    name_of,
    of_kind,
    pod_of,
    render,
    selects,
    workloads,
)

pytestmark = pytest.mark.usefixtures("helm")


@pytest.fixture(params=ENVIRONMENTS)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return list(render(request.param))


def test_no_pod_runs_as_root_or_holds_a_token(objects: list[Object]) -> None:
    for workload in workloads(objects):
        spec = pod_of(workload)["spec"]
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name_of(workload)
        assert security["runAsUser"] > 0, name_of(workload)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name_of(workload)
        assert spec["automountServiceAccountToken"] is False, name_of(workload)
        assert spec["enableServiceLinks"] is False, name_of(workload)


def test_no_container_can_write_its_root_or_gain_rights(objects: list[Object]) -> None:
    for name, container in containers(objects):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name


def test_every_container_asks_for_cpu_and_memory_and_is_bounded_in_memory_only(objects: list[Object]) -> None:
    for name, container in containers(objects):
        assert {"cpu", "memory"} == container["resources"]["requests"].keys(), name
        assert {"memory"} == container["resources"]["limits"].keys(), name


def test_every_server_is_probed_on_a_port_it_has(objects: list[Object]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        container = pod_of(deployment)["spec"]["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for purpose in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container[purpose]
            port = probe["grpc"]["port"] if "grpc" in probe else ports[probe["httpGet"]["port"]]
            assert port in ports.values(), f"{name_of(deployment)} {purpose}"


def test_grpc_asks_for_liveness_and_readiness_apart(objects: list[Object]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        container = pod_of(deployment)["spec"]["containers"][0]
        if "grpc" in container["livenessProbe"]:
            assert container["livenessProbe"]["grpc"]["service"] == "liveness"
            assert container["readinessProbe"]["grpc"]["service"] == "readiness"


def test_each_selector_selects_the_pods_of_its_chart_and_no_others(objects: list[Object]) -> None:
    for each in of_kind(objects, "Service", "Deployment", "PodDisruptionBudget"):
        selector = each["spec"]["selector"]
        chosen = [workload for workload in workloads(objects) if selects(selector.get("matchLabels", selector), workload)]
        assert [workload["metadata"]["name"] for workload in chosen] == [each["metadata"]["name"]], name_of(each)


def test_services_lead_to_named_ports_that_are_there(objects: list[Object]) -> None:
    for service in of_kind(objects, "Service"):
        deployment = next(each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == service["metadata"]["name"])
        names = {port["name"] for port in pod_of(deployment)["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_grpc_services_show_every_pod_to_their_clients(objects: list[Object]) -> None:
    for service in of_kind(objects, "Service"):
        is_grpc = any(port["name"] == "grpc" for port in service["spec"]["ports"])
        assert (service["spec"].get("clusterIP") == "None") == is_grpc, name_of(service)


def test_every_deployment_may_lose_one_pod_to_a_drain(objects: list[Object]) -> None:
    budgets = {each["metadata"]["name"]: each["spec"]["maxUnavailable"] for each in of_kind(objects, "PodDisruptionBudget")}
    assert budgets == {each["metadata"]["name"]: 1 for each in of_kind(objects, "Deployment")}


def test_autoscaled_deployments_leave_their_replicas_to_the_autoscaler(objects: list[Object]) -> None:
    scalers = {each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in of_kind(objects, "HorizontalPodAutoscaler")}
    for deployment in of_kind(objects, "Deployment"):
        assert ("replicas" in deployment["spec"]) == (deployment["metadata"]["name"] not in scalers)
    assert all(1 <= spec["minReplicas"] <= spec["maxReplicas"] for spec in scalers.values())


@pytest.mark.parametrize("environment", ["performance", "staging", "production"])
def test_every_service_is_autoscaled_and_survives_a_node(environment: str) -> None:
    scalers = {each["metadata"]["name"]: each["spec"]["minReplicas"] for each in of_kind(render(environment), "HorizontalPodAutoscaler")}
    services = ("gateway", "user-service", "scheduler-service", "notifier-service", "dispatcher-service")
    assert scalers.keys() == {f"heyday-{service}" for service in services}
    assert min(scalers.values()) >= 2


def test_replicas_spread_over_zones_and_nodes(objects: list[Object]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        spread = pod_of(deployment)["spec"]["topologySpreadConstraints"]
        assert {each["topologyKey"] for each in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_every_pod_has_a_policy_for_both_directions(objects: list[Object]) -> None:
    policies = [each["spec"] for each in of_kind(objects, "NetworkPolicy")]
    for workload in workloads(objects):
        ruling = [each for each in policies if selects(each["podSelector"]["matchLabels"], workload)]
        assert any(not each.get("ingress") and not each.get("egress") for each in ruling), f"no default deny for {name_of(workload)}"
        assert any(each.get("egress") for each in ruling) or "simulator" in name_of(workload), f"{name_of(workload)} may not speak"


def test_only_the_gateway_is_open_to_everybody(objects: list[Object]) -> None:
    for policy in of_kind(objects, "NetworkPolicy"):
        is_open = any("from" not in rule for rule in policy["spec"].get("ingress", []))
        assert is_open == policy["metadata"]["name"].endswith("-gateway"), name_of(policy)


def test_hooks_stand_alone(objects: list[Object]) -> None:
    """Before the first install there is nothing of the release yet: no ConfigMap, no account."""
    for job in of_kind(objects, "Job"):
        assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        spec = pod_of(job)["spec"]
        assert "serviceAccountName" not in spec
        assert all("envFrom" not in container for container in spec["containers"])


def test_each_database_is_migrated_before_its_service_starts(objects: list[Object]) -> None:
    jobs = {each["metadata"]["name"] for each in of_kind(objects, "Job")}
    assert {f"heyday-{service}-migrate" for service in ("user-service", "scheduler-service", "notifier-service")} <= jobs


def test_a_services_migrations_run_on_the_nodes_it_may_have() -> None:
    chosen, tainted = {"kind": "arm"}, [{"key": "kind", "operator": "Exists"}]
    changes = {"user-service.common.nodeSelector": chosen, "user-service.common.tolerations": tainted}
    objects = render("production", *(json_change(path, value) for path, value in changes.items()))
    bound = {name_of(each) for each in workloads(objects) if pod_of(each)["spec"].get("nodeSelector") == chosen}
    assert bound == {"Deployment/heyday-user-service", "Job/heyday-user-service-migrate"}
    assert all((pod_of(each)["spec"].get("tolerations") == tainted) == (name_of(each) in bound) for each in workloads(objects))


def test_a_changed_setting_restarts_the_pods_that_read_it_and_no_others() -> None:
    before = render("production")
    after = render("production", json_change("notifier-service.common.settings.MAX_ATTEMPTS", 5))
    changed = [each["metadata"]["name"] for each in of_kind(before, "Deployment") if each not in of_kind(after, "Deployment")]
    assert changed == ["heyday-notifier-service"]


def test_no_password_is_ever_rendered(objects: list[Object]) -> None:
    assert not of_kind(objects, "Secret")
    for _, container in containers(objects):
        for variable in container.get("env", []):
            assert_no_password(variable)


def assert_no_password(variable: dict[str, Any]) -> None:
    if variable["name"].endswith(("_PASSWORD", "_AUTHORIZATION")):
        assert "value" not in variable
    if "://" in variable.get("value", "") and "@" in variable["value"]:
        assert "$(" in variable["value"]
