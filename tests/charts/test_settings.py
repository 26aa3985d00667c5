"""The charts and the services agree about settings, connections and partitions."""

import json
import re
from importlib import import_module
from pathlib import PurePosixPath

import pytest
from pydantic import SecretStr

from charts.rendering import (
    CHARTS,
    ENVIRONMENTS,
    PROJECT,
    PYTHON_SERVICES,
    environment_of,
    json_change,
    max_replicas,
    named,
    of_kind,
    pod_of,
    read_yaml,
    render,
    values_of,
)
from servicekit.exposure import GUESSED, SHORTEST_PASSWORD, careless
from servicekit.settings import PostgresSettings, ServiceSettings, parse
from servicekit.topics import declared

pytestmark = pytest.mark.usefixtures("helm")

CERTIFICATES = PROJECT / "k8s/production/certificates.yaml"
#: Parts of a URL, that Kubernetes puts together.
PARTS = {"DATABASE_PASSWORD", "REDIS_PASSWORD"}
#: Connections that Postgres keeps for its superuser, for a person, backups and migrations.
RESERVED_CONNECTIONS = 15


def settings_class(service: str) -> type[ServiceSettings]:
    module = import_module(f"{service.replace('-', '_')}.settings")
    found: type[ServiceSettings] = getattr(module, "Settings", None) or module.DispatcherSettings
    return found


def names_read_by(service: str) -> set[str]:
    if service == "gateway":
        fields = (PROJECT / "services/gateway/internal/gateway/fields.go").read_text(encoding="utf-8")
        return set(re.findall(r'^\t\{"([A-Z_]+)"', fields, re.MULTILINE))
    return {name.upper() for name in settings_class(service).model_fields}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_a_service_starts_with_what_its_chart_sets(service: str, environment: str) -> None:
    settings = parse(settings_class(service), environment_of(render(environment), service))
    assert settings.environment == environment
    assert not careless(settings)
    assert settings.shutdown_delay_seconds == 5


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_all_that_a_chart_sets_is_read(service: str, environment: str) -> None:
    assert environment_of(render(environment), service).keys() - names_read_by(service) <= PARTS


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_all_that_the_gateways_chart_sets_is_read(environment: str) -> None:
    assert environment_of(render(environment), "gateway").keys() <= names_read_by("gateway")


@pytest.mark.parametrize("service", [*PYTHON_SERVICES, "gateway"])
def test_a_chart_knows_the_names_of_all_settings_and_of_no_other(service: str) -> None:
    schema = json.loads((CHARTS / service / "values.schema.json").read_text(encoding="utf-8"))
    known = schema["properties"]["common"]["properties"]["settings"]["propertyNames"]["enum"]
    assert known == sorted(names_read_by(service))


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_gateway_finds_the_api_keys_where_their_secret_is_mounted(environment: str) -> None:
    objects = render(environment)
    file = PurePosixPath(environment_of(objects, "gateway")["IDENTITY_API_KEYS_FILE"])
    spec = pod_of(named(objects, "Deployment", "gateway"))["spec"]
    mounted = {mount["mountPath"]: mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
    assert (secrets[mounted[str(file.parent)]], file.name) == ("heyday-api-keys", "api-keys")


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("service", [*PYTHON_SERVICES, "gateway"])
def test_each_service_finds_the_certificate_that_is_made_for_its_name(service: str, environment: str) -> None:
    objects = render(environment)
    certificate = named(objects, "Certificate", service)["spec"]
    assert certificate["issuerRef"]["name"] in {each["metadata"]["name"] for each in read_yaml(CERTIFICATES) if each["kind"] == "Issuer"}
    spec = pod_of(named(objects, "Deployment", service))["spec"]
    (volume,) = (each["name"] for each in spec["volumes"] if each.get("secret", {}).get("secretName") == certificate["secretName"])
    (folder,) = (each["mountPath"] for each in spec["containers"][0]["volumeMounts"] if each["name"] == volume)
    settings = environment_of(objects, service)
    found = [settings[f"GRPC_TLS_{name}_FILE"] for name in ("CERTIFICATE", "KEY", "CA")]
    assert found == [f"{folder}/{key}" for key in ("tls.crt", "tls.key", "ca.crt")]
    for target in (value for name, value in settings.items() if name.endswith("_SERVICE_TARGET")):
        host = target.removeprefix("dns:///").partition(":")[0]
        assert host in named(objects, "Certificate", host.removeprefix("heyday-"))["spec"]["dnsNames"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_kubernetes_asks_for_health_where_it_is_served_in_plain(service: str, environment: str) -> None:
    objects = render(environment)
    settings = parse(settings_class(service), environment_of(objects, service))
    assert (settings.grpc_tls is not None) == (environment in ("staging", "production"))
    plain = settings.grpc_health_address if settings.grpc_tls else settings.grpc_address
    container = pod_of(named(objects, "Deployment", service))["spec"]["containers"][0]
    assert {container[f"{probe}Probe"]["grpc"]["port"] for probe in ("startup", "liveness", "readiness")} == {int(plain.split(":")[1])}


def test_certificates_of_ones_own_are_taken_from_secrets() -> None:
    objects = render("production", json_change("global.grpcTls.issuer.name", ""))
    assert not of_kind(objects, "Certificate")
    for deployment in of_kind(objects, "Deployment"):
        named_secrets = {each.get("secret", {}).get("secretName") for each in pod_of(deployment)["spec"]["volumes"]}
        assert f"{deployment['metadata']['name']}-tls" in named_secrets


@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_every_secret_of_a_service_has_its_place_in_the_chart(service: str) -> None:
    secrets = {name.upper() for name, field in settings_class(service).model_fields.items() if field.annotation is SecretStr}
    assert secrets <= environment_of(render("production"), service).keys()


@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_a_pod_is_given_the_time_its_process_takes_to_end(service: str) -> None:
    objects = render("production")
    settings = parse(settings_class(service), environment_of(objects, service))
    given = pod_of(named(objects, "Deployment", service))["spec"]["terminationGracePeriodSeconds"]
    assert given > settings.shutdown_delay_seconds + 2 * settings.shutdown_grace_seconds


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_all_pools_at_their_fullest_fit_the_server(environment: str) -> None:
    objects = render(environment)
    connections = 0
    for service in PYTHON_SERVICES:
        settings = parse(settings_class(service), environment_of(objects, service))
        if isinstance(settings, PostgresSettings):
            surge = named(objects, "Deployment", service)["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
            connections += (max_replicas(objects, service) + surge) * (settings.database_pool_size + settings.database_pool_overflow)
    assert connections + RESERVED_CONNECTIONS <= max_connections(environment)


@pytest.mark.parametrize("environment", ["development", "test", "performance"])
def test_the_plain_server_allows_the_connections_that_are_counted_on(environment: str) -> None:
    (server,) = of_kind(read_yaml(PROJECT / "k8s/dev/postgres.yaml"), "Deployment")
    assert f"max_connections={max_connections(environment)}" in pod_of(server)["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_cloudnativepgs_server_allows_the_connections_that_are_counted_on(environment: str) -> None:
    (cluster,) = of_kind(read_yaml(PROJECT / "k8s/production/postgres.yaml"), "Cluster")
    assert cluster["spec"]["postgresql"]["parameters"]["max_connections"] == str(max_connections(environment))


def max_connections(environment: str) -> int:
    """What an environment's values say of its server, or else the default."""
    given, default = (read_yaml(path)[0]["global"]["postgres"] for path in (values_of(environment), CHARTS / "common/values.yaml"))
    return int(given.get("maxConnections", default["maxConnections"]))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_notifier_is_without_a_partition(environment: str) -> None:
    partitions = {topic.partitions for topic in declared() if topic.name.endswith("message-due")}
    assert max_replicas(render(environment), "notifier-service") <= min(partitions)


def test_charts_and_services_refuse_the_same_passwords() -> None:
    checks = (CHARTS / "common/templates/_checks.tpl").read_text(encoding="utf-8")
    assert f'regexMatch "(?i){GUESSED.pattern}"' in checks
    assert f"lt (len $password) {SHORTEST_PASSWORD}" in checks
