from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Service:
    """What a service needs from its environment, by name; the names become its settings."""

    package: str
    schema: str | None = None  # DATABASE_URL
    kafka: bool = False  # KAFKA_BOOTSTRAP_SERVERS
    redis: bool = False  # REDIS_URL
    provider: bool = False  # PROVIDER_URL
    calls: tuple[str, ...] = ()  # USER_SERVICE_TARGET and so on


@dataclass
class Addresses:
    """Where everything of one mesh is found."""

    database_url: Callable[[str], str]  # takes a schema
    kafka_bootstrap_servers: str
    redis_url: str
    provider_url: str
    grpc: dict[str, list[str]] = field(default_factory=dict)  # by service, one HOST:PORT per replica

    @classmethod
    def of_nothing_but(cls, database_url: str) -> "Addresses":
        """For a command that needs a database and only mentions the rest: port 9 discards."""
        nowhere = "127.0.0.1:9"
        return cls(lambda _: database_url, nowhere, f"redis://{nowhere}/0", f"http://{nowhere}", {name: [nowhere] for name in SERVICES})

    def target(self, service: str) -> str:
        """A gRPC target of all replicas of a service that are planned so far."""
        replicas = self.grpc[service]
        return f"dns:///{replicas[0]}" if len(replicas) == 1 else f"ipv4:{','.join(replicas)}"


SERVICES: Final = {
    "user-service": Service("user_service", schema="users", kafka=True, redis=True),
    "dispatcher-service": Service("dispatcher_service", redis=True, provider=True),
    "scheduler-service": Service("scheduler_service", schema="scheduler", kafka=True),
    "notifier-service": Service("notifier_service", schema="notifier", kafka=True, redis=True, calls=("dispatcher-service",)),
}
GATEWAY: Final = "gateway"
GATEWAY_CALLS: Final = ("user-service", "scheduler-service", "notifier-service", "dispatcher-service")


def owner_of(schema: str) -> Service | None:
    """The service that keeps its tables in the schema."""
    return next((service for service in SERVICES.values() if service.schema == schema), None)


def settings_of(service: Service, at: Addresses) -> dict[str, str]:
    """The settings by which a service finds what it needs."""
    settings = {"ENVIRONMENT": "development", **targets(service.calls, at)}
    if service.schema:
        settings["DATABASE_URL"] = at.database_url(service.schema)
    if service.kafka:
        settings["KAFKA_BOOTSTRAP_SERVERS"] = at.kafka_bootstrap_servers
    if service.redis:
        settings["REDIS_URL"] = at.redis_url
    if service.provider:
        settings["PROVIDER_URL"] = at.provider_url
    return settings


def targets(services: tuple[str, ...], at: Addresses) -> Mapping[str, str]:
    """The settings by which one service finds others: `{"USER_SERVICE_TARGET": "dns:///127.0.0.1:20000"}`."""
    return {f"{service.replace('-', '_').upper()}_TARGET": at.target(service) for service in services}
