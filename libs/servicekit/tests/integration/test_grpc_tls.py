"""TLS between two services: who is let in, who is believed, and what becomes of renewed files."""

import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from backing.certificates import Authority, Certificate
from heyday.status.v1 import status_service_pb2, status_service_pb2_grpc
from servicekit.errors import Unavailable
from servicekit.grpc_client import channel, ping
from servicekit.grpc_server import GrpcServer
from servicekit.grpc_tls import RenewedFiles, TlsFiles
from servicekit.readiness import Readiness
from servicekit.settings import Environment, ServiceSettings


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def impostor(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "impostor")


def files(issued: Certificate, authority: Authority) -> TlsFiles:
    return TlsFiles(issued.certificate, issued.key, authority.certificate)


@asynccontextmanager
async def serving(tls: TlsFiles, **settings: Any) -> AsyncIterator[GrpcServer]:
    named = {"grpc_tls_certificate_file": tls.certificate, "grpc_tls_key_file": tls.key, "grpc_tls_ca_file": tls.authority}
    given = {"environment": Environment.TEST, "grpc_address": "127.0.0.1:0", "shutdown_grace_seconds": 0.1, **named, **settings}
    server = GrpcServer(ServiceSettings(**given), [], readiness=Readiness())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def let_in(server: GrpcServer, tls: TlsFiles | None, host: str = "localhost") -> bool:
    async with channel(f"{host}:{server.port}", tls=tls, default_timeout_seconds=5) as client:
        try:
            await ping(client)
        except Unavailable:
            return False
        return True


async def test_both_ends_with_certificates_of_one_authority_talk(authority: Authority) -> None:
    client = files(authority.issue("notifier"), authority)
    async with serving(files(authority.issue("dispatcher"), authority)) as server:
        assert await let_in(server, client)
        assert await let_in(server, client, "127.0.0.1")


async def test_clients_without_a_certificate_of_the_authority_are_kept_out(authority: Authority, impostor: Authority) -> None:
    async with serving(files(authority.issue("dispatcher"), authority)) as server:
        assert not await let_in(server, None)
        assert not await let_in(server, files(impostor.issue("notifier"), authority))
        believing = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{server.port}", believing) as nameless:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await health_pb2_grpc.HealthStub(nameless).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        assert await let_in(server, files(authority.issue("notifier"), authority))


async def test_servers_of_another_authority_or_name_are_not_believed(authority: Authority, impostor: Authority) -> None:
    client = files(authority.issue("notifier"), authority)
    for issued in (impostor.issue("dispatcher"), authority.issue("dispatcher", hosts=("dispatcher.example.org",))):
        async with serving(files(issued, authority)) as server:
            assert not await let_in(server, client)


async def test_renewed_files_are_taken_up_by_a_server_and_by_an_open_channel(authority: Authority, impostor: Authority) -> None:
    server_files, client_files = (files(authority.issue(name), authority) for name in ("dispatcher", "notifier"))
    old, new = kept(client_files), files(impostor.issue("notifier"), impostor)
    async with serving(server_files) as server, channel(f"localhost:{server.port}", tls=client_files, default_timeout_seconds=5) as client:
        await ping(client)
        replace(client_files, new)
        replace(server_files, files(impostor.issue("dispatcher"), impostor))
        await ping(client)
        assert await let_in(server, new)
        assert not await let_in(server, TlsFiles(old.certificate, old.key, new.authority))
        assert not await let_in(server, TlsFiles(new.certificate, new.key, old.authority))


async def test_files_that_do_not_fit_together_are_left(authority: Authority) -> None:
    server_files, client_files = (files(authority.issue(name), authority) for name in ("dispatcher", "notifier"))
    async with serving(server_files) as server, channel(f"localhost:{server.port}", tls=client_files) as client:
        shutil.copy(authority.issue("other").key, server_files.key)
        client_files.authority.unlink()
        await ping(client)
        shutil.copy(server_files.key, client_files.key)
        await ping(client)


def test_files_that_do_not_fit_together_are_refused_at_the_start(authority: Authority) -> None:
    mine, other = authority.issue("mine"), authority.issue("other")
    with pytest.raises(ssl.SSLError):
        RenewedFiles(TlsFiles(mine.certificate, other.key, authority.certificate))
    with pytest.raises(FileNotFoundError):
        RenewedFiles(TlsFiles(mine.certificate, mine.key, mine.key.with_name("none")))


async def test_health_is_asked_without_tls_at_a_port_of_its_own(authority: Authority) -> None:
    tls = files(authority.issue("dispatcher"), authority)
    async with serving(tls, grpc_health_address="127.0.0.1:0") as server, channel(f"localhost:{server.health_port}") as probe:
        await ping(probe)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await status_service_pb2_grpc.StatusServiceStub(probe).GetStatus(status_service_pb2.GetStatusRequest())
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def kept(tls: TlsFiles) -> TlsFiles:
    """Copies, which outlive a replacement."""
    return TlsFiles(*(Path(shutil.copy(path, path.with_suffix(path.suffix + ".kept"))) for path in astuple(tls)))


def replace(tls: TlsFiles, by: TlsFiles) -> None:
    for path, other in zip(astuple(tls), astuple(by), strict=True):
        shutil.copy(other, path)
