"""Wrong values are refused, in words that say what to do."""

import pytest

from charts.rendering import CHARTS, Refused, json_change, render, run_helm

pytestmark = pytest.mark.usefixtures("helm")

TYPING = {
    json_change("global.environment", "prod"): "environment",
    json_change("global.logLevel", "verbose"): "logLevel",
    json_change("global.colour", "red"): "colour",
    json_change("global.postgres.port", "5432"): "port",
    json_change("global.kafka.bootstrapServers", "kafka"): "bootstrapServers",
    json_change("global.kafka.securityProtocol", "TLS"): "securityProtocol",
    json_change("global.provider.kind", "pigeon"): "kind",
    json_change("user-service.common.replica", 3): "replica",
    json_change("user-service.common.settings", {"log_level": "debug"}): "log_level",
    json_change("user-service.common.settings", {"CACHE_SECOND": 60}): "CACHE_SECOND",
    json_change("gateway.common.settings", {"RATE_LIMIT": 60}): "RATE_LIMIT",
    json_change("user-service.common.settings", {"ENVIRONMENT": "development"}): "common.settings.ENVIRONMENT is set by the chart already",
    json_change("notifier-service.common.settings", {"LOG_LEVEL": "debug"}): "common.settings.LOG_LEVEL is set by the chart already",
    json_change("user-service.common.settings", {"DATABASE_URL": "postgresql://u:p@h/d"}): "DATABASE_URL would be kept in the open",
    json_change("user-service.common.settings", {"REDIS_URL": "redis://:p@h"}): "REDIS_URL would be kept in the open",
    json_change(
        "dispatcher-service.common.settings", {"PROVIDER_AUTHORIZATION": "Bearer x"}
    ): "PROVIDER_AUTHORIZATION would be kept in the open",
    json_change("user-service.common.autoscaling.targetCPU", 170): "targetCPU",
    json_change("user-service.common.image.digest", "latest"): "digest",
    json_change("user-service.common.resources.limits.memory", ["1Gi"]): "memory",
    json_change("notifier-service.common.autoscaling.maxReplicas", 61): "maxReplicas",
    json_change("notifier-service.common.replicas", 61): "replicas",
    json_change(
        "user-service.common.autoscaling.minReplicas", 11
    ): "user-service: common.autoscaling.minReplicas .11. is above maxReplicas .8.",
    json_change("dispatcher-service.common.settings.PROVIDER_URL", "<no value>"): "PROVIDER_URL",
    json_change("gateway.common.keda.enabled", True): "gateway: common.keda needs a topic or schedules",
    json_change("notifier-service.common.keda", {"enabled": True, "consumerGroup": ""}): "common.keda.consumerGroup is needed with a topic",
    json_change("gateway.common.keda.schedules", [{"timezone": "UTC", "start": "at nine", "end": "10 * * * *", "replicas": 2}]): "start",
    json_change(
        "gateway.common.keda.schedules", [{"timezone": "UTC+1 h", "start": "5 9 * * *", "end": "9 9 * * *", "replicas": 2}]
    ): "timezone",
    json_change("user-service.common.rollout.maxSurge", "a quarter"): "maxSurge",
    json_change(
        "user-service.common.rollout", {"maxSurge": "0%", "maxUnavailable": 0}
    ): "user-service: common.rollout.maxSurge and maxUnav",
    json_change("gateway.ingress", {"enabled": True}): "host",
    json_change("gateway.httpRoute", {"enabled": True}): "parentRefs",
    json_change("gateway.identity", {"jwksUrl": "https://issuer.example.org/jwks"}): "issuer",
    json_change("gateway.identity.jwksUrl", "issuer.example.org"): "jwksUrl",
    json_change("simulator.common.replicas", 2): "replicas",
    json_change("users-service", {}): "users-service",
}
CARELESS = {
    json_change("global.postgres.tls", "require"): "global.postgres.tls must be verify-full in production",
    json_change("global.redis.tls", False): "global.redis.tls and global.redis.auth must be true",
    json_change("global.redis.auth", False): "global.redis.tls and global.redis.auth must be true",
    json_change("global.kafka.securityProtocol", "SSL"): "global.kafka.securityProtocol must be SASL_SSL",
    json_change(
        "global.grpcTls.enabled", False
    ): "global.grpcTls.enabled must be true in production: the services would call each other in the open",
    json_change("user-service.common.readOnlyRootFilesystem", False): "readOnlyRootFilesystem must be true",
    json_change("simulator.enabled", True): "simulator.enabled must be false in production",
    json_change(
        "dispatcher-service.common.settings.PROVIDER_URL", ""
    ): "dispatcher-service.common.settings.PROVIDER_URL is needed in production",
    **{
        json_change(
            "dispatcher-service.common.settings.SENDERS", nobody
        ): "dispatcher-service.common.settings.SENDERS is needed in production"
        for nobody in (None, {"*": "Heyday <heyday@localhost>"}, {"*": ""})
    },
    json_change("notifier-service.common.keda.enabled", True): "common.keda.authentication must name a TriggerAuthentication",
    json_change("topics.create", True): "topics.create makes topics on a broker without security only",
    json_change("gateway.ingress", {"enabled": True, "host": "api.example.org"}): "gateway.ingress.tlsSecret is needed",
    json_change("gateway.identity.apiKeysSecret", ""): "gateway.identity is off, which production refuses",
    json_change(
        "gateway.identity", {"jwksUrl": "http://issuer.example.org/jwks", "issuer": "i", "audience": "a"}
    ): "gateway.identity.jwksUrl must be https",
}


@pytest.mark.parametrize("change", TYPING)
def test_a_mistyped_value_is_named(change: str) -> None:
    with pytest.raises(Refused, match=TYPING[change]):
        render("test", change)


@pytest.mark.parametrize("change", CARELESS)
def test_production_refuses_what_is_fit_for_a_laptop(change: str) -> None:
    with pytest.raises(Refused, match=CARELESS[change]):
        render("production", change)


def test_an_environment_must_be_chosen() -> None:
    with pytest.raises(Refused, match="environment"):
        run_helm("template", str(CHARTS / "heyday"))
