"""Configuration that librdkafka clients share."""

from collections.abc import Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaError

from servicekit.settings import KafkaSettings

_log = structlog.get_logger()


def client_config(settings: KafkaSettings) -> dict[str, Any]:
    config: dict[str, Any] = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
        "topic.metadata.refresh.interval.ms": 60_000,
        "reconnect.backoff.max.ms": 2_000,
        "socket.keepalive.enable": True,
        # librdkafka writes to stderr what it also tells `error_cb`, which logs it as JSON.
        "log_level": 2,
    }
    return config | _tls(settings) | _sasl(settings)


def log_error(client: str, error: KafkaError) -> None:
    """For `error_cb`: librdkafka reconnects by itself, so all but fatal errors are news, not failures."""
    _log.log(40 if error.fatal() else 30, "kafka.client_error", client=client, error=error.name())


def _tls(settings: KafkaSettings) -> dict[str, Any]:
    if not settings.kafka_security_protocol.endswith("SSL"):
        return {}
    return _given(
        {
            "ssl.ca.location": settings.kafka_ca_file,
            "ssl.certificate.location": settings.kafka_certificate_file,
            "ssl.key.location": settings.kafka_key_file,
            "ssl.endpoint.identification.algorithm": "https",
        }
    )


def _sasl(settings: KafkaSettings) -> dict[str, Any]:
    if not settings.kafka_security_protocol.startswith("SASL"):
        return {}
    return {
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_sasl_username,
        "sasl.password": settings.kafka_sasl_password.get_secret_value(),
    }


def _given(options: Mapping[str, object]) -> dict[str, Any]:
    return {name: str(value) for name, value in options.items() if value is not None}
