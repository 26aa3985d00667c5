"""What belongs to the cluster and not to a release: valid, and of one mind with the charts, the topics and the services."""

import re
from pathlib import Path

import pytest
import yaml

from charts.rendering import PROJECT, Object, of_kind, pod_of, read_yaml, workloads
from charts.schemas import SCHEMAS, is_custom, validate
from servicekit.topics import declared

K8S = PROJECT / "k8s"
DEV = [K8S / "dev" / name for name in ("namespace.yaml", "secrets.yaml", "postgres.yaml", "redis.yaml", "kafka.yaml")]
PRODUCTION = [
    K8S / "production" / f"{name}.yaml"
    for name in ("postgres", "kafka", "topics", "kafka-users", "redis", "certificates", "keda/notifier-lag")
]
SECRETS_OF_OPERATORS = {
    "heyday-postgres-ca",  # CloudNativePG
    "heyday-cluster-ca-cert",  # Strimzi
}
#: docs/deployment.md has whoever installs make it.
SECRETS_OF_YOURS = {"redis"}

#: A laptop's servers whose images write beside their data.
WRITING = {"postgres", "kafka"}


@pytest.mark.parametrize("path", [*DEV, *PRODUCTION], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_kubernetes_takes_every_object(path: Path) -> None:
    objects = read_yaml(path)
    if any(map(is_custom, objects)) and not SCHEMAS.is_dir():
        pytest.skip("SCHEMAS_DIR names no folder with the schemas of custom resources")
    for each in objects:
        validate(each)


@pytest.mark.parametrize("folder", ["dev", "production"])
def test_each_folder_is_applied_by_one_command(folder: str) -> None:
    listed = set(read_yaml(K8S / folder / "kustomization.yaml")[0]["resources"])
    there = {path.name for path in (K8S / folder).glob("*.yaml")} - {"kustomization.yaml", "namespace.yaml"}
    assert listed == there


@pytest.mark.parametrize("workload", workloads(read_yaml(*DEV, *PRODUCTION)), ids=lambda each: each["metadata"]["name"])
def test_every_pod_meets_the_restricted_standard(workload: Object) -> None:
    spec = pod_of(workload)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"].get("readOnlyRootFilesystem", False) is (container["name"] not in WRITING)
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_strimzis_topics_are_those_that_are_declared() -> None:
    topics = {each["metadata"]["name"]: each["spec"] for each in read_yaml(K8S / "production" / "topics.yaml")}
    assert topics == {topic.name: {"partitions": topic.partitions, "replicas": 3, "config": topic.config(3)} for topic in declared()}


def test_three_brokers_lose_no_acknowledged_record() -> None:
    pool, kafka = read_yaml(K8S / "production" / "kafka.yaml")
    config = kafka["spec"]["kafka"]["config"]
    assert pool["spec"]["replicas"] == 3
    assert (config["default.replication.factor"], config["min.insync.replicas"]) == (3, 2)
    assert config["unclean.leader.election.enable"] is False


def test_every_listener_asks_for_tls_and_a_password() -> None:
    (kafka,) = of_kind(read_yaml(K8S / "production" / "kafka.yaml"), "Kafka")
    assert all(each["tls"] and each["authentication"]["type"] == "scram-sha-512" for each in kafka["spec"]["kafka"]["listeners"])


def test_postgres_logs_no_row() -> None:
    """Nor a parameter: either quotes names and addresses."""
    silent = {"log_error_verbosity": "terse", "log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0"}
    (cluster,) = of_kind(read_yaml(K8S / "production" / "postgres.yaml"), "Cluster")
    assert silent.items() <= cluster["spec"]["postgresql"]["parameters"].items()
    (deployment,) = of_kind(read_yaml(K8S / "dev" / "postgres.yaml"), "Deployment")
    arguments = pod_of(deployment)["spec"]["containers"][0]["args"]
    assert silent.items() <= dict(each.split("=") for each in arguments if each != "-c").items()


def test_no_manifest_names_a_registry() -> None:
    """Whoever mirrors the images says so to the cluster, in one place, and not in our files."""
    for path in sorted(K8S.rglob("*.yaml")):
        for image in re.findall(r"^\s*(?:- )?image(?:Name)?: *(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            host, _, rest = image.partition("/")
            assert not (rest and re.search(r"[.:]|^localhost$", host)), f"{path.name}: {image}"


def test_production_values_are_those_of_the_resources() -> None:
    values = yaml.safe_load((PROJECT / "charts/heyday/values/production.yaml").read_text(encoding="utf-8"))["global"]
    (cluster,) = of_kind(read_yaml(K8S / "production" / "postgres.yaml"), "Cluster")
    assert values["postgres"]["host"] == f"{cluster['metadata']['name']}-rw"
    (kafka,) = of_kind(read_yaml(K8S / "production" / "kafka.yaml"), "Kafka")
    port = kafka["spec"]["kafka"]["listeners"][0]["port"]
    assert values["kafka"]["bootstrapServers"] == f"{kafka['metadata']['name']}-kafka-bootstrap:{port}"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_every_secret_that_is_named_comes_from_somewhere(environment: str) -> None:
    values = yaml.safe_load((PROJECT / f"charts/heyday/values/{environment}.yaml").read_text(encoding="utf-8"))
    objects = read_yaml(*PRODUCTION)
    (cluster,) = of_kind(objects, "Cluster")
    made = {role["passwordSecret"]["name"] for role in cluster["spec"]["managed"]["roles"]} | SECRETS_OF_YOURS | SECRETS_OF_OPERATORS
    made |= {user["metadata"]["name"] for user in of_kind(objects, "KafkaUser")}
    made |= {certificate["spec"]["secretName"] for certificate in of_kind(objects, "Certificate")}
    named = {secret["name"] for chart in values.values() for secret in chart.get("common", {}).get("secrets", {}).values()}
    named |= {server["caSecret"] for server in values["global"].values() if isinstance(server, dict) and "caSecret" in server}
    assert named <= made


def test_redis_shows_a_certificate_for_the_name_by_which_it_is_called() -> None:
    objects = read_yaml(*PRODUCTION)
    (server,) = (each for each in of_kind(objects, "Deployment") if each["metadata"]["name"] == "redis")
    (secret,) = (volume["secret"]["secretName"] for volume in pod_of(server)["spec"]["volumes"] if "secret" in volume)
    (certificate,) = (each["spec"] for each in of_kind(objects, "Certificate") if each["spec"]["secretName"] == secret)
    default, given = (read_yaml(PROJECT / "charts" / path)[0] for path in ("common/values.yaml", "heyday/values/production.yaml"))
    redis = default["global"]["redis"] | given["global"]["redis"]
    assert (redis["caSecret"], certificate["dnsNames"]) == (secret, [redis["host"]])
    assert certificate["issuerRef"]["name"] in {each["metadata"]["name"] for each in of_kind(objects, "Issuer")}
    # With a client's certificate of the services' authority it could call them.
    assert "client auth" not in certificate["usages"]


def test_roles_and_schemas_have_one_name_in_every_cluster() -> None:
    (cluster,), (database,) = (of_kind(read_yaml(*PRODUCTION), kind) for kind in ("Cluster", "Database"))
    roles = {role["name"] for role in cluster["spec"]["managed"]["roles"]}
    assert {(each["name"], each["owner"]) for each in database["spec"]["schemas"]} == {(role, role) for role in roles}
    script = of_kind(read_yaml(*DEV), "ConfigMap")[0]["data"]["roles.sql"]
    assert all(f"CREATE SCHEMA {role} AUTHORIZATION {role};" in script for role in roles)
