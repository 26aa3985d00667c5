"""What a service that is open to the world must not be without."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from servicekit.settings import Environment, KafkaSettings, PostgresSettings, RedisSettings, ServiceSettings

SHORTEST_PASSWORD = 16
#: What is in passwords of examples and defaults, and hardly in those that were drawn. The charts say the same.
GUESSED = re.compile("change.?me|passw|default|example|heyday", re.IGNORECASE)


def careless(settings: ServiceSettings) -> list[str]:
    """What staging and production refuse of these settings, one sentence each; elsewhere nothing is. No sentence repeats a value."""
    if settings.environment not in (Environment.STAGING, Environment.PRODUCTION):
        return []
    return [f"{mistake} where ENVIRONMENT is {settings.environment}." for mistake in _mistakes(settings)]


def _mistakes(settings: ServiceSettings) -> Iterator[str]:
    if settings.grpc_tls is None:
        yield "GRPC_TLS_CERTIFICATE_FILE, GRPC_TLS_KEY_FILE and GRPC_TLS_CA_FILE are needed"
    if isinstance(settings, PostgresSettings):
        url = urlsplit(settings.database_url.get_secret_value())
        if parse_qs(url.query).get("sslmode") != ["verify-full"]:
            yield "DATABASE_URL needs sslmode=verify-full"
        yield from _password("DATABASE_URL", url.password)
    if isinstance(settings, RedisSettings):
        url = urlsplit(settings.redis_url.get_secret_value())
        if url.scheme != "rediss":
            yield "REDIS_URL needs rediss://"
        yield from _password("REDIS_URL", url.password)
    if isinstance(settings, KafkaSettings):
        if settings.kafka_security_protocol != "SASL_SSL":
            yield "KAFKA_SECURITY_PROTOCOL must be SASL_SSL"
        yield from _password("KAFKA_SASL_PASSWORD", settings.kafka_sasl_password.get_secret_value())


def _password(name: str, password: str | None) -> Iterator[str]:
    if not password or len(password) < SHORTEST_PASSWORD or GUESSED.search(password):
        yield f"{name} needs a password of at least {SHORTEST_PASSWORD} characters, none that is a default,"
