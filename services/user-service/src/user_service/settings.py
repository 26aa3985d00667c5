from pydantic import Field

from servicekit.settings import KafkaSettings, PostgresSettings, RedisSettings, Seconds, ServiceSettings


class MigrationSettings(PostgresSettings, ServiceSettings):
    """What migrations need to be told."""


class Settings(KafkaSettings, RedisSettings, MigrationSettings):
    """What user-service can be told."""

    snapshot_epoch: int = Field(
        1,
        ge=1,
        description="Incarnation of the user database. Raise it after a restore to an earlier time: versions given again then win.",
    )
    cache_seconds: int = Field(3600, ge=1, description="How long Redis keeps a user.")
    cache_generation_poll_seconds: Seconds = Field(
        1, description="How long a replica may give out a cached user after a change whose writer could not reach Redis."
    )
    request_retention_hours: Seconds = Field(48, description="How long the request id of a create is remembered.")
    request_cleaning_seconds: Seconds = Field(600, description="Pause between two rounds of forgetting old request ids.")
    outbox_batch_records: int = Field(1000, ge=1, description="Changes relayed to Kafka in one batch.")
    outbox_poll_seconds: Seconds = Field(1, description="Longest wait of a change whose own replica does not relay it at once.")
