"""Every environment renders, and Kubernetes would take what comes out."""

import pytest

from charts.rendering import CHARTS, ENVIRONMENTS, PROJECT, Object, choose, json_change, name_of, of_kind, read_yaml, render, run_helm
from charts.schemas import SCHEMAS, is_custom, validate

pytestmark = pytest.mark.usefixtures("helm")

#: Everything that is off by default, at once.
OPTIONS = (
    json_change("global.monitoring.serviceMonitor", True),
    json_change("global.otlpEndpoint", "http://collector.monitoring:4317"),
    json_change("gateway.ingress", {"enabled": True, "host": "api.example.org", "tlsSecret": "api-tls", "className": "nginx"}),
    json_change("gateway.httpRoute", {"enabled": True, "parentRefs": [{"name": "public", "sectionName": "https"}], "redirect": True}),
    json_change("notifier-service.common.keda.enabled", True),
    json_change(
        "notifier-service.common.keda.schedules", [{"timezone": "Etc/UTC", "start": "50 * * * *", "end": "10 * * * *", "replicas": 20}]
    ),
    json_change("notifier-service.common.keda.authentication", "notifier-lag"),
    json_change("user-service.common.grpcRoute.enabled", True),
    json_change("user-service.common.grpcRoute.parentRefs", [{"name": "internal"}]),
    json_change("user-service.common.grpcRoute.methods", [{"service": "heyday.user.v1.UserService", "method": "GetUser"}]),
)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_umbrella_passes_lint(environment: str) -> None:
    run_helm("lint", "--strict", "--quiet", str(CHARTS / "heyday"), *choose(environment))


@pytest.mark.parametrize("chart", ["user-service", "scheduler-service", "notifier-service", "dispatcher-service", "gateway", "simulator"])
def test_each_chart_passes_lint_alone(chart: str) -> None:
    run_helm("lint", "--strict", "--quiet", str(CHARTS / chart), "--set", "global.environment=development")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_kubernetes_takes_every_object(environment: str) -> None:
    check_all(list(render(environment)))


def test_kubernetes_takes_what_is_off_by_default() -> None:
    objects = list(render("production", *OPTIONS))
    check_all(objects)
    kinds = {each["kind"] for each in objects}
    assert {"Ingress", "HTTPRoute", "GRPCRoute", "ScaledObject", "ServiceMonitor"} <= kinds


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="SCHEMAS_DIR names no folder with the schemas of custom resources")
def test_custom_resources_are_as_their_operators_say() -> None:
    custom = [each for each in render("production", *OPTIONS) if is_custom(each)]
    assert len(custom) >= 8
    check_all(custom)


def test_keda_replaces_the_autoscaler_and_never_stands_beside_it() -> None:
    objects = render("production", *OPTIONS)
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in of_kind(objects, "ScaledObject")}
    assert scaled == {"heyday-notifier-service"}
    assert not scaled & {each["spec"]["scaleTargetRef"]["name"] for each in of_kind(objects, "HorizontalPodAutoscaler")}


def test_keda_reads_the_lag_as_the_broker_wants_it() -> None:
    (scaled,) = of_kind(render("production", *OPTIONS), "ScaledObject")
    lag, schedule = scaled["spec"]["triggers"]
    assert (lag["metadata"]["tls"], lag["metadata"]["sasl"], lag["authenticationRef"]) == (
        "enable",
        "scram_sha512",
        {"name": "notifier-lag"},
    )
    (authentication,) = read_yaml(PROJECT / "k8s/production/keda/notifier-lag.yaml")
    assert authentication["metadata"]["name"] == "notifier-lag"
    assert schedule["type"] == "cron"
    (scaled,) = of_kind(render("development", json_change("notifier-service.common.keda.enabled", True)), "ScaledObject")
    (lag,) = scaled["spec"]["triggers"]
    assert not {"tls", "sasl"} & lag["metadata"].keys()
    assert "authenticationRef" not in lag


def test_keda_scales_by_schedules_alone_where_there_is_no_topic() -> None:
    schedules = [{"timezone": "Etc/UTC", "start": "50 * * * *", "end": "10 * * * *", "replicas": 8}]
    objects = render("production", json_change("gateway.common.keda", {"enabled": True, "schedules": schedules}))
    (scaled,) = of_kind(objects, "ScaledObject")
    assert [trigger["type"] for trigger in scaled["spec"]["triggers"]] == ["cron"]


def test_the_same_values_render_the_same() -> None:
    arguments = ("template", "heyday", str(CHARTS / "heyday"), *choose("production"))
    assert run_helm(*arguments) == run_helm(*arguments)


def check_all(objects: list[Object]) -> None:
    assert len({(each["apiVersion"], name_of(each)) for each in objects}) == len(objects)
    for each in objects:
        validate(each)
