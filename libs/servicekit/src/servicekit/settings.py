"""Settings from the environment and from mounted secrets: the base every service's `settings.py` extends.

A field `database_url` is read from `DATABASE_URL`, or from a file of that name (either case) in the directory `SECRETS_DIR`. Maps are JSON.
"""

import math
import os
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict
from pydantic_settings.sources.utils import parse_env_vars

from servicekit import failpoint
from servicekit.grpc_tls import TlsFiles

EXIT_CODE_OF_BAD_SETTINGS = 2

S = TypeVar("S", bound="ServiceSettings")
#: A transaction that waits for Kafka also reads and writes; the outbox relay counts on this room.
ROOM_IN_A_TRANSACTION_SECONDS = 3.0

Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Environment(StrEnum):
    """What the process is part of; rehearsal tools work in the first two only."""

    DEVELOPMENT = "development"
    TEST = "test"
    PERFORMANCE = "performance"
    STAGING = "staging"
    PRODUCTION = "production"

    @property
    def allows_rehearsal(self) -> bool:
        return self in (Environment.DEVELOPMENT, Environment.TEST)


class _Settings(BaseSettings):
    """What all settings below share: the last base of a class decides, so no mixin may differ."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True)


class ServiceSettings(_Settings):
    """What every service can be told."""

    environment: Environment = Field(default=Environment.PRODUCTION, description="What this process is part of.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least severe events that are logged.")
    instance_name: str = Field(
        default="", validate_default=True, description="Name of this replica in logs and leases. Empty: host name and process id."
    )
    version: str = Field(default="development", description="Version of the code, as it is shown; the image sets it.")
    grpc_address: str = Field(default="0.0.0.0:50051", description="Where gRPC is served, as HOST:PORT.")
    metrics_address: str = Field(default="0.0.0.0:9090", description="Where Prometheus metrics are served, as HOST:PORT.")
    grpc_reflection: bool | None = Field(default=None, description="Serve gRPC reflection. Unset: only in development and test.")
    grpc_tls_certificate_file: Path | None = Field(
        default=None, description="Certificate of this process, shown to whoever it calls and is called by. Unset: gRPC without TLS."
    )
    grpc_tls_key_file: Path | None = Field(default=None, description="Key of that certificate.")
    grpc_tls_ca_file: Path | None = Field(
        default=None, validate_default=True, description="Certificates that vouch for whoever it calls and is called by."
    )
    grpc_health_address: str = Field(
        default="", description="Where gRPC health alone is served without TLS, as HOST:PORT, for probes that know none. Empty: nowhere."
    )
    grpc_max_connection_age_seconds: Seconds = Field(
        default=120, description="Age at which a client is asked to connect anew, so that new replicas get their share."
    )
    grpc_max_message_bytes: int = Field(default=4 << 20, gt=0, description="Largest gRPC message taken in or given out.")
    grpc_max_concurrent_calls: int = Field(default=1000, gt=0, description="Calls served at once; more are refused as RESOURCE_EXHAUSTED.")
    shutdown_delay_seconds: float = Field(
        default=0, ge=0, description="Wait between 'not ready' and the end of serving, while endpoints are withdrawn (5 in a cluster)."
    )
    shutdown_grace_seconds: Seconds = Field(
        default=20, description="Time for each part to finish what is in flight when the process is asked to end."
    )
    clock_offset_seconds: float = Field(default=0, description="Moves the clock, for rehearsals. Refused outside development and test.")
    failpoints: dict[str, str] = Field(
        default={}, description='Faults by seam, for tests: `{"seam": "kill@3"}`. Refused outside development and test.'
    )
    otlp_endpoint: str = Field(default="", description="OTLP/gRPC collector for traces, as URL. Empty: no traces are sent.")
    trace_sample_share: Share = Field(default=0.01, description="Share of new traces that are recorded.")

    @field_validator("clock_offset_seconds", "failpoints")
    @classmethod
    def _refuse_rehearsal_in_earnest(cls, value: Any, info: ValidationInfo) -> Any:
        environment = info.data.get("environment")
        if value and environment is not None and not environment.allows_rehearsal:
            raise ValueError(f"is for rehearsals and refused where ENVIRONMENT is {environment}")
        return value

    @field_validator("failpoints")
    @classmethod
    def _check_failpoints(cls, value: dict[str, str]) -> dict[str, str]:
        for action in value.values():
            failpoint.Action.parse(action)
        return value

    @field_validator("grpc_tls_ca_file")
    @classmethod
    def _need_all_of_tls(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        given = [info.data.get("grpc_tls_certificate_file"), info.data.get("grpc_tls_key_file"), value]
        if any(given) and not all(given):
            raise ValueError("is needed with GRPC_TLS_CERTIFICATE_FILE and GRPC_TLS_KEY_FILE: all three or none")
        return value

    @field_validator("instance_name")
    @classmethod
    def _name_instance(cls, value: str) -> str:
        return value or f"{socket.gethostname()}-{os.getpid()}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `parse` is the one way in from outside: a test that builds settings by hand must not pick up its machine's environment.
        return (init_settings,)

    @property
    def clock_offset(self) -> timedelta:
        return timedelta(seconds=self.clock_offset_seconds)

    @property
    def grpc_tls(self) -> TlsFiles | None:
        """None: gRPC without TLS."""
        if self.grpc_tls_certificate_file is None or self.grpc_tls_key_file is None or self.grpc_tls_ca_file is None:
            return None
        return TlsFiles(self.grpc_tls_certificate_file, self.grpc_tls_key_file, self.grpc_tls_ca_file)

    @property
    def serves_reflection(self) -> bool:
        return self.environment.allows_rehearsal if self.grpc_reflection is None else self.grpc_reflection


class PostgresSettings(_Settings):
    """Mix in where a service has a database."""

    database_url: SecretStr = Field(
        description="Postgres, as `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`; the role's search_path is its schema."
    )
    database_pool_size: int = Field(default=8, ge=1, description="Connections this process keeps.")
    database_pool_overflow: int = Field(default=4, ge=0, description="Connections it may open beyond those, for a while.")
    database_pool_timeout_seconds: Seconds = Field(default=5, description="Longest wait for a free connection.")
    database_connect_timeout_seconds: int = Field(default=5, ge=2, description="Longest wait for a new connection.")
    database_statement_timeout_seconds: Seconds = Field(default=30, description="Longest statement.")
    database_lock_timeout_seconds: Seconds = Field(default=10, description="Longest wait for a lock.")
    database_idle_in_transaction_seconds: Seconds = Field(
        default=20, description="Longest pause within a transaction. Above the acknowledgement by Kafka."
    )
    database_slow_statement_milliseconds: float = Field(default=200, gt=0, description="Slower statements are logged and counted.")


class KafkaSettings(_Settings):
    """Mix in where a service produces or consumes."""

    kafka_bootstrap_servers: str = Field(description="Brokers, as HOST:PORT,HOST:PORT.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How brokers are spoken to."
    )
    kafka_ca_file: Path | None = Field(default=None, description="Certificates that vouch for the brokers. Unset: the system's.")
    kafka_certificate_file: Path | None = Field(default=None, description="Certificate of this client.")
    kafka_key_file: Path | None = Field(default=None, description="Key of that certificate.")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="How this client proves who it is."
    )
    kafka_sasl_username: str = Field(default="", validate_default=True, description="Name for SASL.")
    kafka_sasl_password: SecretStr = Field(default=SecretStr(""), validate_default=True, description="Password for SASL.")
    kafka_linger_milliseconds: float = Field(default=5, ge=0, description="Wait for more records before a batch is sent.")
    kafka_acknowledgement_timeout_seconds: Seconds = Field(default=10, description="Longest wait for a broker's acknowledgement.")
    kafka_session_timeout_seconds: Seconds = Field(default=6, description="Silence after which a consumer's partitions go to others.")
    kafka_fetch_wait_milliseconds: int = Field(default=500, ge=1, description="Longest a broker holds back an empty answer.")

    @field_validator("kafka_sasl_username", "kafka_sasl_password")
    @classmethod
    def _need_credentials_for_sasl(cls, value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        protocol = info.data.get("kafka_security_protocol", "")
        if protocol.startswith("SASL") and not len(value):
            raise ValueError(f"is needed where KAFKA_SECURITY_PROTOCOL is {protocol}")
        return value

    @model_validator(mode="after")
    def _nest_timeouts(self) -> Self:
        idle: float = getattr(self, "database_idle_in_transaction_seconds", math.inf)  # of PostgresSettings, where a service has both
        if self.kafka_acknowledgement_timeout_seconds + ROOM_IN_A_TRANSACTION_SECONDS > idle:
            raise ValueError(
                f"KAFKA_ACKNOWLEDGEMENT_TIMEOUT_SECONDS must stay {ROOM_IN_A_TRANSACTION_SECONDS:g} below"
                " DATABASE_IDLE_IN_TRANSACTION_SECONDS."
            )
        return self


class RedisSettings(_Settings):
    """Mix in where a service takes hints from Redis."""

    redis_url: SecretStr = Field(description="Redis or Valkey, as `redis://HOST:PORT/0`, `rediss://` with TLS.")
    redis_timeout_milliseconds: float = Field(default=100, ge=1, description="Longest wait for an answer; then it is done without.")
    redis_max_connections: int = Field(default=16, ge=1, description="Connections this process may open.")


class BadSettings(Exception):
    """The settings have mistakes."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


def load(cls: type[S], refused: Callable[[S], list[str]] = lambda _: []) -> S:
    """Read and check the settings of this process; on mistakes print all of them to stderr, one sentence each, and exit with 2.

    `refused` finds further mistakes in settings that are well formed.
    """
    try:
        settings = parse(cls, os.environ)
        if mistakes := refused(settings):
            raise BadSettings(mistakes)
        return settings
    except BadSettings as error:
        print("The settings have mistakes:", *error.mistakes, sep="\n  ", file=sys.stderr)
        raise SystemExit(EXIT_CODE_OF_BAD_SETTINGS) from None


def parse(cls: type[S], environ: Mapping[str, str]) -> S:
    """Settings from `environ`. Raises BadSettings with every mistake; no sentence repeats a value, which may be secret."""
    values = {**_secret_files(cls, environ.get("SECRETS_DIR", "")), **_Environ(cls, environ)()}
    try:
        return cls(**values)
    except ValidationError as error:
        raise BadSettings([_sentence(cls, mistake["loc"], mistake["type"], mistake["msg"]) for mistake in error.errors()]) from None


class _Environ(EnvSettingsSource):
    """The environment as a source of settings. Text that is no JSON is passed on, so that the check lists it among all mistakes."""

    def __init__(self, cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return parse_env_vars(self._environ, self.case_sensitive, self.env_ignore_empty, self.env_parse_none_str)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _secret_files(cls: type[BaseSettings], directory: str) -> dict[str, Any]:
    if not directory:
        return {}
    if not Path(directory).is_dir():
        raise BadSettings(["SECRETS_DIR is not a directory."])
    return SecretsSettingsSource(cls, secrets_dir=directory)()


def _sentence(cls: type[BaseSettings], location: tuple[int | str, ...], kind: str, message: str) -> str:
    if not location:
        return message.removeprefix("Value error, ")
    name = str(location[0]).upper() + "".join(f"[{part}]" for part in location[1:])
    if kind == "missing":
        return f"{name} is missing. {cls.model_fields[str(location[0])].description}"
    if kind == "dict_type":
        return f"{name} is not a JSON object."
    return f"{name} {message.removeprefix('Value error, ').replace('Input should', 'should').rstrip('.')}."
