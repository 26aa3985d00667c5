from email.utils import parseaddr
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from servicekit.settings import Environment, RedisSettings, Seconds, ServiceSettings

ProviderField = Literal["subject", "html", "from", "replyTo"]


class HttpEmailSettings(RedisSettings):
    """The HTTP e-mail API."""

    provider_url: str = Field("", description="Base of the HTTP e-mail API: letters go to `{base}/send-email`. Needed for http_email.")
    provider_authorization: SecretStr = Field(SecretStr(""), description="Value of the Authorization header. Empty: none is sent.")
    provider_fields: list[ProviderField] = Field([], description="What is sent beside email and message, as JSON list.")
    provider_refusal_statuses: list[int] = Field(
        [500], description="Statuses by which this provider says that it took nothing in, beside 408, 425, 429 and 503; as JSON list."
    )
    http_client: Literal["pyreqwest", "aiohttp"] = Field("pyreqwest", description="The HTTP client; aiohttp costs more than twice the CPU.")
    connect_timeout_seconds: Seconds = Field(1, description="Longest wait for a connection. Below CALL_MINIMUM_SECONDS.")


class SmtpSettings(RedisSettings):
    """SMTP."""

    smtp_host: str = Field("", description="Mail server. Needed for smtp.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_username: str = Field("", description="Name for the mail server. Empty: no login.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password for it.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection is made safe.")
    smtp_connections: int = Field(8, ge=1, description="Connections to the mail server; each carries one letter at a time.")
    smtp_messages_per_connection: int = Field(100, ge=1, description="Letters after which a connection is made anew.")


class DispatcherSettings(ServiceSettings, HttpEmailSettings, SmtpSettings):
    """What dispatcher-service can be told."""

    redis_url: SecretStr = Field(
        SecretStr(""), description="Redis, for the rate limit shared by all replicas. Empty: each keeps to its own part of it."
    )

    provider_kind: Literal["http_email", "smtp", "console"] = Field("http_email", description="How letters leave.")
    provider_name: str = Field("", description="Name of the provider in results, metrics and the shared rate limit. Empty: PROVIDER_KIND.")
    on_unsure: Literal["retry", "hold"] | None = Field(
        None,
        description="Whether a letter that may have been taken in is sent again under the same key. Unset: hold for smtp, else retry.",
    )

    concurrency: int = Field(400, ge=1, description="Most calls to the provider at one time.")
    tries: int = Field(3, ge=1, le=10, description="Most calls for one message in one dispatch.")
    backoff_first_seconds: Seconds = Field(0.2, description="Wait before the second try; doubles for each further one, with jitter.")
    backoff_longest_seconds: Seconds = Field(2, description="Longest such wait.")
    call_timeout_seconds: Seconds = Field(10, description="Longest wait for the provider's answer.")
    call_minimum_seconds: Seconds = Field(2, description="No call is begun with less time than this before the deadline.")
    deadline_margin_seconds: float = Field(0.5, ge=0, description="Time kept free between the end of the last call and the deadline.")
    default_deadline_seconds: Seconds = Field(30, description="Deadline of a Dispatch that has none.")
    pause_longest_seconds: Seconds = Field(900, description="Longest pause that a provider is granted by Retry-After.")
    group_milliseconds: float = Field(100, gt=0, description="Longest wait of a known result for others to leave with.")

    breaker_failures: int = Field(
        20,
        ge=1,
        description="Failures in a row that open the breaker. With one call in three failing by chance, 20 do not come in a lifetime.",
    )
    breaker_open_seconds: Seconds = Field(10, description="Time between probes while the breaker is open.")
    rate_limit_per_second: float = Field(0, ge=0, description="Calls per second the provider allows, all replicas together. 0: no limit.")
    max_replicas: int = Field(30, ge=1, description="Most replicas there may be: without Redis each takes this part of the rate limit.")

    templates_directory: Path | None = Field(None, description="Templates to use instead of the packaged ones.")
    default_locale: str = Field("en", description="Language of those whose own has no text.")
    senders: dict[str, str] = Field(
        {"*": "Heyday <heyday@localhost>"}, description="From, by kind, as JSON; `*` stands for the other kinds."
    )
    reply_to: dict[str, str] = Field({}, description="Reply-To, by kind, as JSON.")
    links: dict[str, dict[str, str]] = Field({}, description="What templates know as `links`, by kind, as JSON of JSON.")

    @model_validator(mode="after")
    def _check_provider(self) -> Self:
        if self.provider_kind == "http_email" and not self.provider_url.startswith(("http://", "https://")):
            raise ValueError("PROVIDER_URL is needed where PROVIDER_KIND is http_email: the http:// or https:// address of the API.")
        if self.provider_kind == "smtp" and not self.smtp_host:
            raise ValueError("SMTP_HOST is needed where PROVIDER_KIND is smtp.")
        if self.provider_kind == "console" and self.environment in (Environment.STAGING, Environment.PRODUCTION):
            raise ValueError(f"PROVIDER_KIND console sends nothing: it is refused where ENVIRONMENT is {self.environment}.")
        if self.environment == Environment.PRODUCTION and ("*" not in self.senders or not all(map(_is_real, self.senders.values()))):
            raise ValueError(
                "SENDERS needs addresses of yours, and one for `*`, where ENVIRONMENT is production: letters come from somebody."
            )
        return self

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.call_minimum_seconds > self.call_timeout_seconds:
            raise ValueError("CALL_MINIMUM_SECONDS is above CALL_TIMEOUT_SECONDS: no call could be begun.")
        if self.connect_timeout_seconds >= self.call_minimum_seconds:
            raise ValueError(
                "CONNECT_TIMEOUT_SECONDS must be below CALL_MINIMUM_SECONDS, or a failed connection cannot be told from a lost answer."
            )
        if self.call_timeout_seconds >= self.shutdown_grace_seconds:
            raise ValueError("CALL_TIMEOUT_SECONDS must be below SHUTDOWN_GRACE_SECONDS: a call in flight has to end in time.")
        return self

    @property
    def provider(self) -> str:
        return self.provider_name or self.provider_kind

    @property
    def carried_parts(self) -> frozenset[str]:
        """The parts of a letter beside its text that reach the provider."""
        return frozenset(self.provider_fields) if self.provider_kind == "http_email" else frozenset({"subject", "html"})

    @property
    def repeats_unsure(self) -> bool:
        return (self.on_unsure or ("hold" if self.provider_kind == "smtp" else "retry")) == "retry"


def _is_real(sender: str) -> bool:
    """Whether it names an address that is not the laptop's own."""
    _, at, domain = parseaddr(sender)[1].rpartition("@")
    return bool(at) and domain != "localhost"
