"""A mesh in which the services take only each other's certificates, from the gateway to the provider."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from backing.certificates import Authority
from backing.mesh import Mesh
from backing.services import GATEWAY, SERVICES
from e2e.rest import Api
from e2e.sky import Sky, choose_time
from e2e.world import World


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secured(servers_directory: Path, authority: Authority) -> Iterator[World]:
    at = choose_time(datetime.now(UTC))
    settings = {name: authority.issue(name).grpc_settings() for name in (*SERVICES, GATEWAY)}
    settings["scheduler-service"]["SEND_TIMES"] = json.dumps({"anniversary": at.isoformat()})
    directory = servers_directory / "secured"
    directory.mkdir(mode=0o755)
    with Mesh(directory, settings=settings, durable=False) as mesh:
        yield World(mesh, Api(mesh.url), Sky({"anniversary": at}))


def test_a_greeting_goes_all_the_way(secured: World) -> None:
    user = secured.create_at(secured.sky.past("anniversary"))
    secured.message(user, "SENT", seconds=60)
    assert len(secured.provider.greetings(user["email"])) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_takes_a_call_without_a_certificate(secured: World, authority: Authority, service: str) -> None:
    target = secured.mesh.replicas[service][0].target
    believing = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    for channel in (grpc.insecure_channel(target), grpc.secure_channel(target, believing)):
        with channel, pytest.raises(grpc.RpcError) as raised:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
