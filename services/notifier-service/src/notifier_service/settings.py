"""What the service can be told."""

from typing import Literal, Self

from pydantic import Field, model_validator

from notifier_service.domain import Terms
from servicekit.settings import KafkaSettings, PostgresSettings, RedisSettings, Seconds, ServiceSettings

# What a rebalance may take beyond the session time-out, and a margin: the protocol's bound on leases.
LEASE_MARGIN_SECONDS = 5.0


class MigrationSettings(ServiceSettings, PostgresSettings):
    """What applying migrations needs."""


class Settings(ServiceSettings, PostgresSettings, KafkaSettings, RedisSettings):
    """All settings of notifier-service."""

    dispatcher_service_target: str = Field(description="dispatcher-service, as HOST:PORT or any gRPC target.")
    provider_kind: Literal["http_email", "smtp", "console"] = Field(
        "http_email", description="What the dispatcher sends with; decides the default of ON_UNSURE."
    )
    on_unsure: Literal["retry", "hold"] | None = Field(
        None,
        description="What may have been sent: `retry` under the same key, or `hold` for a person. Unset: `hold` for smtp, else `retry`.",
    )
    provider_key_lifetime_hours: float = Field(
        24, gt=0, description="How long the provider remembers an idempotency key; later nothing that may have been sent is sent again."
    )
    max_attempts: int = Field(8, ge=1, description="Dispatches of a message before it is given up.")
    first_backoff_seconds: Seconds = Field(30, description="Wait after the first failed attempt; it doubles with each.")
    longest_backoff_seconds: Seconds = Field(900, description="Longest wait between two attempts.")
    lease_seconds: Seconds = Field(
        30,
        description="How long a claim lasts; above session time-out + rebalance + 5 s, and above the longest pause in a transaction.",
    )
    rebalance_seconds: Seconds = Field(5, description="What handing partitions over takes at most; bounds the lease from below.")
    batch_records: int = Field(1000, ge=1, le=5000, description="Records taken in and claimed at once.")
    batches_in_flight: int = Field(4, ge=1, le=64, description="Batches worked on at once.")
    slice_records: int = Field(500, ge=1, le=1000, description="Messages in one call of the dispatcher.")
    gather_milliseconds: float = Field(30, ge=0, description="Results that come within this time are written by one statement.")
    parked_records_per_partition: int = Field(
        1000, ge=1, description="Records that may wait for another's claim, or for their time, before their partition is paused."
    )
    hint_hours: float = Field(48, gt=0, description="How long Redis remembers that a message is sent.")
    retention_days: int = Field(730, ge=62, description="Deliveries are kept this many days after their local date, by whole months.")

    @model_validator(mode="after")
    def _check_nesting(self) -> Self:
        least = self.kafka_session_timeout_seconds + self.rebalance_seconds + LEASE_MARGIN_SECONDS
        rules = {
            f"LEASE_SECONDS must be above {least:g}: KAFKA_SESSION_TIMEOUT_SECONDS + REBALANCE_SECONDS + {LEASE_MARGIN_SECONDS:g}.": (
                self.lease_seconds > least
            ),
            "LEASE_SECONDS must be above DATABASE_IDLE_IN_TRANSACTION_SECONDS.": (
                self.lease_seconds > self.database_idle_in_transaction_seconds
            ),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise ValueError(" ".join(broken))
        return self

    @property
    def holds_unsure(self) -> bool:
        return self.provider_kind == "smtp" if self.on_unsure is None else self.on_unsure == "hold"

    @property
    def terms(self) -> Terms:
        return Terms(
            lease_us=int(self.lease_seconds * 1e6),
            holds_unsure=self.holds_unsure,
            key_lifetime_us=int(self.provider_key_lifetime_hours * 3.6e9),
            most_attempts=self.max_attempts,
            first_backoff_us=int(self.first_backoff_seconds * 1e6),
            longest_backoff_us=int(self.longest_backoff_seconds * 1e6),
        )
