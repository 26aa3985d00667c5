import pytest

from servicekit.exposure import careless
from servicekit.settings import KafkaSettings, PostgresSettings, RedisSettings, ServiceSettings, parse

PASSWORD = "sixteen-letters!"
EARNEST = {
    "GRPC_TLS_CERTIFICATE_FILE": "/tls/tls.crt",
    "GRPC_TLS_KEY_FILE": "/tls/tls.key",
    "GRPC_TLS_CA_FILE": "/tls/ca.crt",
    "DATABASE_URL": f"postgresql://users:{PASSWORD}@db:5432/heyday?sslmode=verify-full&sslrootcert=/tls/ca.crt",
    "REDIS_URL": f"rediss://:{PASSWORD}@redis:6379/0",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9093",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "users",
    "KAFKA_SASL_PASSWORD": PASSWORD,
}
PLAIN = {"DATABASE_URL": "postgresql://users@db/heyday", "REDIS_URL": "redis://redis", "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}


class Settings(PostgresSettings, KafkaSettings, RedisSettings, ServiceSettings):
    pass


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_fit_for_a_laptop_is_refused_in_earnest(environment: str) -> None:
    where = f" where ENVIRONMENT is {environment}."
    password = " needs a password of at least 16 characters, none that is a default,"
    assert careless(parse(Settings, {**PLAIN, "ENVIRONMENT": environment})) == [
        f"GRPC_TLS_CERTIFICATE_FILE, GRPC_TLS_KEY_FILE and GRPC_TLS_CA_FILE are needed{where}",
        f"DATABASE_URL needs sslmode=verify-full{where}",
        f"DATABASE_URL{password}{where}",
        f"REDIS_URL needs rediss://{where}",
        f"REDIS_URL{password}{where}",
        f"KAFKA_SECURITY_PROTOCOL must be SASL_SSL{where}",
        f"KAFKA_SASL_PASSWORD{password}{where}",
    ]


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_safe_is_taken_in_earnest(environment: str) -> None:
    assert careless(parse(Settings, {**EARNEST, "ENVIRONMENT": environment})) == []


@pytest.mark.parametrize("guessed", ["changemechangeme", "Password12345678", "heyday-production"])
def test_a_password_of_an_example_is_refused_however_long(guessed: str) -> None:
    url = EARNEST["REDIS_URL"].replace(PASSWORD, guessed)
    [mistake] = careless(parse(Settings, {**EARNEST, "REDIS_URL": url, "ENVIRONMENT": "production"}))
    assert mistake.startswith("REDIS_URL needs a password")


@pytest.mark.parametrize("environment", ["development", "test", "performance"])
def test_nothing_is_refused_where_nothing_is_at_stake(environment: str) -> None:
    assert careless(parse(Settings, {**PLAIN, "ENVIRONMENT": environment})) == []
