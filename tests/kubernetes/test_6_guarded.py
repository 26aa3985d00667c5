"""The mesh as production has it within: callers have keys, and services show each other certificates. Last, as it stays so."""

import hashlib
import secrets
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from backing.certificates import Authority
from charts.rendering import RELEASE, json_change
from kubernetes.cluster import DEPLOYMENTS, NAMESPACE, Cluster, CommandFailed, ForwardedMesh

KEY = secrets.token_hex(32)
ASK_FOR_HEALTH = """
import sys, grpc, pathlib
from grpc_health.v1 import health_pb2, health_pb2_grpc
target, *shown = sys.argv[1:]
ca, key, certificate = [pathlib.Path("/etc/heyday/tls/grpc", name).read_bytes() for name in ("ca.crt", "tls.key", "tls.crt")]
mine = (key, certificate) if shown else (None, None)
channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca, *mine))
print(health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=10).status)
"""


@pytest.fixture(scope="module")
def guarded(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    for chart in DEPLOYMENTS:
        name = f"{RELEASE}-{chart}"
        made = authority.issue(chart, hosts=(name, f"{name}.{NAMESPACE}.svc"))
        make_secret(installed, f"{name}-tls", {"tls.crt": made.certificate, "tls.key": made.key, "ca.crt": made.authority})
    keys = f"tests {hashlib.sha256(KEY.encode()).hexdigest()} read,write"
    make_secret(installed, "heyday-api-keys", {"api-keys": keys})
    make_secret(installed, "heyday-greeting-test", {"api-key": KEY})
    installed.upgrade(
        json_change("global.grpcTls.enabled", True),
        json_change("gateway.identity.apiKeysSecret", "heyday-api-keys"),
        json_change("greetingTest.apiKeySecret", "heyday-greeting-test"),
    )
    return installed


def make_secret(cluster: Cluster, name: str, content: dict[str, Path | str]) -> None:
    parts = [f"--from-{'file' if isinstance(value, Path) else 'literal'}={key}={value}" for key, value in content.items()]
    cluster.kubectl("create", "secret", "generic", name, *parts)


def test_a_greeting_goes_all_the_way(guarded: Cluster) -> None:
    assert "The mesh works" in guarded.helm("test", RELEASE, "--logs", "--timeout", "3m")


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"X-Api-Key": "another"}, 401), ({"X-Api-Key": KEY}, 200)])
@pytest.mark.usefixtures("guarded")
def test_the_gateway_answers_the_holders_of_keys_only(mesh: ForwardedMesh, headers: dict[str, str], status: int) -> None:
    assert status_of(Request(f"{mesh.url}/api/v1/users", headers=headers)) == status


def test_who_shows_no_certificate_is_not_answered(guarded: Cluster) -> None:
    (pod, *_), target = guarded.ready_pods("notifier-service"), f"{RELEASE}-dispatcher-service:50051"
    ask = ("exec", pod, "--", "python3", "-c", ASK_FOR_HEALTH, target)
    assert guarded.kubectl(*ask, "shown").strip() == "1"
    with pytest.raises(CommandFailed, match="UNAVAILABLE"):
        guarded.kubectl(*ask)


def status_of(request: Request) -> int:
    try:
        with urlopen(request, timeout=15) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
