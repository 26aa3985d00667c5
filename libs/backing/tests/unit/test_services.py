import re
from pathlib import Path

import pytest

from backing.mesh import PROJECT, Mesh
from backing.services import SERVICES, Addresses, owner_of, settings_of


def _addresses() -> Addresses:
    grpc = {"user-service": ["127.0.0.1:1"], "dispatcher-service": ["127.0.0.1:2", "127.0.0.1:3"]}
    return Addresses(lambda schema: f"postgresql://{schema}@host/db", "host:9092", "redis://host", "http://host", grpc)


def test_a_service_is_told_only_of_what_it_needs() -> None:
    assert settings_of(SERVICES["notifier-service"], _addresses()) == {
        "ENVIRONMENT": "development",
        "DATABASE_URL": "postgresql://notifier@host/db",
        "KAFKA_BOOTSTRAP_SERVERS": "host:9092",
        "REDIS_URL": "redis://host",
        "DISPATCHER_SERVICE_TARGET": "ipv4:127.0.0.1:2,127.0.0.1:3",
    }


def test_a_schema_has_one_owner_and_others_none() -> None:
    assert owner_of("scheduler") is SERVICES["scheduler-service"]
    assert owner_of("alpha") is None


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_that_is_given_is_one_the_service_has(name: str) -> None:
    readme = (PROJECT / "services" / name / "README.md").read_text()
    known = set(re.findall(r"^\| `([A-Z_]+)`", readme, flags=re.MULTILINE))
    assert settings_of(SERVICES[name], Addresses.of_nothing_but("")).keys() <= known


def test_replicas_are_added_with_names_and_addresses_of_their_own(tmp_path: Path) -> None:
    mesh = Mesh(tmp_path, replicas={"notifier-service": 3})
    notifiers = mesh.replicas["notifier-service"]
    assert [notifier.name for notifier in notifiers] == ["notifier-service-1", "notifier-service-2", "notifier-service-3"]
    assert len({notifier.target for notifier in notifiers}) == 3


def test_chosen_settings_win_over_those_for_all_services(tmp_path: Path) -> None:
    mesh = Mesh(tmp_path, settings={"*": {"LOG_LEVEL": "debug"}, "gateway": {"LOG_LEVEL": "warn"}})
    mesh.configure("user-service", CACHE_SECONDS="1")
    assert mesh.gateway.process.environment["LOG_LEVEL"] == "warn"
    user_service = mesh.replicas["user-service"][0].process.environment
    assert (user_service["LOG_LEVEL"], user_service["CACHE_SECONDS"]) == ("debug", "1")
