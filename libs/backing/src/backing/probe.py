"""Whether something answers, by its address: the scheme says how to ask."""

from collections.abc import Callable
from typing import Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import grpc
import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from grpc_health.v1 import health_pb2, health_pb2_grpc
from redis import Redis
from redis.exceptions import RedisError

_TIMEOUT_SECONDS: Final = 2


def answers(address: str) -> bool:
    """Asks `postgresql://`, `redis://`, `kafka://`, `grpc://` (is it ready?) or `http://` (is it 200?); False if it fails or takes 2 s."""
    return _PROBES[urlsplit(address).scheme](address)


def _postgres(address: str) -> bool:
    try:
        with psycopg.connect(address, connect_timeout=_TIMEOUT_SECONDS):
            return True
    except psycopg.OperationalError:
        return False


def _redis(address: str) -> bool:
    try:
        with Redis.from_url(address, socket_connect_timeout=_TIMEOUT_SECONDS, socket_timeout=_TIMEOUT_SECONDS, retry=None) as client:
            return bool(client.ping())
    except RedisError:
        return False


def _kafka(address: str) -> bool:
    # Silent: librdkafka would print a line for each attempt while the broker is down.
    admin = AdminClient({"bootstrap.servers": urlsplit(address).netloc, "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=_TIMEOUT_SECONDS).brokers)
    except KafkaException:
        return False


def _grpc(address: str) -> bool:
    with grpc.insecure_channel(urlsplit(address).netloc) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        try:
            answer = health.Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _http(address: str) -> bool:
    try:
        with urlopen(address, timeout=_TIMEOUT_SECONDS) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


_PROBES: Final[dict[str, Callable[[str], bool]]] = {
    "postgresql": _postgres,
    "redis": _redis,
    "kafka": _kafka,
    "grpc": _grpc,
    "http": _http,
}
