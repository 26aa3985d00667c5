"""TLS to Postgres, Redis and Kafka by the settings that the charts make: right servers are used, wrong ones are not believed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr
from redis.exceptions import RedisError

from backing import server
from backing.certificates import Authority, Certificate
from backing.kafka import Kafka
from backing.postgres import Postgres
from backing.redis import Redis
from backing.tls_front import tls_front
from servicekit import postgres, redis
from servicekit.errors import Unavailable
from servicekit.kafka.config import client_config
from servicekit.settings import KafkaSettings, PostgresSettings, RedisSettings
from servicekit.testing import wait_until

ELSEWHERE = "elsewhere.example.org"
PASSWORD = "sixteen-letters!"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("impostor"))


@pytest.fixture(scope="module")
def genuine(authority: Authority) -> Certificate:
    return authority.issue("genuine")


@pytest.fixture(params=["of another authority", "of another name"])
def wrong(request: pytest.FixtureRequest, authority: Authority, impostor: Authority) -> Certificate:
    return impostor.issue("wrong") if request.param == "of another authority" else authority.issue("wrong", hosts=(ELSEWHERE,))


async def ask_postgres(port: int, ca: Path) -> None:
    url = f"postgresql://postgres@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}"
    engine = postgres.create_engine(PostgresSettings(database_url=SecretStr(url)), "test")
    try:
        await postgres.ping(engine)
    finally:
        await engine.dispose()


async def ask_redis(port: int, ca: Path) -> None:
    url = f"rediss://localhost:{port}/0?ssl_ca_certs={ca}"
    async with redis.client(RedisSettings(redis_url=SecretStr(url), redis_timeout_milliseconds=5000)) as client:
        await redis.ping(client)


async def test_a_genuine_postgres_is_used(postgres_server: Postgres, genuine: Certificate) -> None:
    async with tls_front(postgres_server.port, genuine, postgres=True) as port:
        await ask_postgres(port, genuine.authority)


async def test_a_wrong_postgres_is_not_believed(postgres_server: Postgres, authority: Authority, wrong: Certificate) -> None:
    async with tls_front(postgres_server.port, wrong, postgres=True) as port:
        with pytest.raises(Unavailable):
            await ask_postgres(port, authority.certificate)


async def test_a_postgres_without_tls_is_not_used(postgres_server: Postgres, authority: Authority) -> None:
    with pytest.raises(Unavailable):
        await ask_postgres(postgres_server.port, authority.certificate)


async def test_a_genuine_redis_is_used(redis_server: Redis, genuine: Certificate) -> None:
    async with tls_front(redis_server.port, genuine) as port:
        await ask_redis(port, genuine.authority)


async def test_a_wrong_redis_is_not_believed(redis_server: Redis, authority: Authority, wrong: Certificate) -> None:
    async with tls_front(redis_server.port, wrong) as port:
        with pytest.raises(RedisError, match="CERTIFICATE_VERIFY_FAILED"):
            await ask_redis(port, authority.certificate)


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Kafka]:
    kafka = Kafka(tmp_path_factory.mktemp("kafka"), shown=authority.issue("kafka", hosts=("localhost",)))
    server.start(kafka)
    kafka.add_user("notifier-service", PASSWORD)
    yield kafka
    server.stop(kafka)


def kafka_client(kafka: Kafka, authority: Authority, **changes: Any) -> tuple[AdminClient, list[KafkaError]]:
    """A client, and what it complains of."""
    named = {"kafka_bootstrap_servers": kafka.secure_servers, "kafka_security_protocol": "SASL_SSL"}
    user = {"kafka_sasl_username": "notifier-service", "kafka_sasl_password": PASSWORD}
    settings = KafkaSettings(**{**named, **user, "kafka_ca_file": authority.certificate, **changes})
    complaints: list[KafkaError] = []
    config: dict[str, Any] = {**client_config(settings), "log_level": 0, "error_cb": complaints.append}
    return AdminClient(config), complaints


async def complaint(client: AdminClient, complaints: list[KafkaError]) -> str:
    await wait_until(lambda: client.poll(0.05) or complaints, timeout_seconds=30, what="a complaint")
    return complaints[0].name()


def test_a_genuine_kafka_is_used_with_a_password(secure_kafka: Kafka, authority: Authority) -> None:
    client, complaints = kafka_client(secure_kafka, authority)
    assert len(client.list_topics(timeout=30).brokers) == 1
    assert not complaints


async def test_a_kafka_of_another_authority_is_not_believed(secure_kafka: Kafka, impostor: Authority) -> None:
    assert await complaint(*kafka_client(secure_kafka, impostor)) == "_SSL"


async def test_a_kafka_of_another_name_is_not_believed(secure_kafka: Kafka, authority: Authority) -> None:
    nameless = secure_kafka.secure_servers.replace("localhost", "127.0.0.1")
    assert await complaint(*kafka_client(secure_kafka, authority, kafka_bootstrap_servers=nameless)) == "_SSL"


async def test_kafka_lets_nobody_in_with_a_wrong_password(secure_kafka: Kafka, authority: Authority) -> None:
    assert await complaint(*kafka_client(secure_kafka, authority, kafka_sasl_password="another-password")) == "_AUTHENTICATION"
