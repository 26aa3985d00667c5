"""One mesh for all end-to-end tests, started at its first use."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backing.mesh import Mesh
from e2e.openapi import Contract
from e2e.punctual import Appointment, make_appointment
from e2e.rest import Api
from e2e.sky import Sky, choose_time
from e2e.world import World

# These look back on the whole run: greetings made at its start come due, and the logs hold what all tests did.
_LAST = ("test_greeting_on_time.py", "test_what_is_logged.py")
_LEAST_LEAD = timedelta(seconds=60)  # From the start of the services to the appointment; they take some ten seconds.
_SETTINGS = {
    "gateway": {"RATE_LIMIT_PER_MINUTE": "0"},
    "scheduler-service": {
        "CRON_RECOVERY_SCHEDULE": "0 0 1 1 *",  # By hand only, so that no test depends on the minute it runs in.
        "CREATED_ON_THE_DAY": '{"birthday": "next_year"}',  # Both ways of the setting, one by each kind.
    },
    "notifier-service": {"FIRST_BACKOFF_SECONDS": "1", "LONGEST_BACKOFF_SECONDS": "2", "MAX_ATTEMPTS": "4"},
    "dispatcher-service": {"BACKOFF_FIRST_SECONDS": "0.02", "BACKOFF_LONGEST_SECONDS": "0.05", "BREAKER_FAILURES": "1000"},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _LAST.index(item.path.name) if item.path.name in _LAST else -1)


@pytest.fixture(scope="session")
def appointment(servers_took: timedelta) -> Appointment:
    """Further away on a machine that is slow."""
    return make_appointment(datetime.now(UTC) + max(_LEAST_LEAD, 3 * servers_took))


@pytest.fixture(scope="session")
def send_times(appointment: Appointment) -> dict[str, time]:
    return {"birthday": appointment.local_time, "anniversary": choose_time(datetime.now(UTC))}


@pytest.fixture(scope="session")
def mesh(servers_directory: Path) -> Iterator[Mesh]:
    """The mesh, of which nothing runs yet."""
    mesh = Mesh(servers_directory / "mesh", settings=_SETTINGS, durable=False)
    mesh.directory.mkdir()
    mesh.directory.chmod(0o755)
    yield mesh
    mesh.stop()


@pytest.fixture(scope="session")
def servers_took(mesh: Mesh) -> timedelta:
    """Starts the servers; the services follow with `world`."""
    began = datetime.now(UTC)
    mesh.start_servers()
    return datetime.now(UTC) - began


@pytest.fixture(scope="session")
def world(mesh: Mesh, appointment: Appointment, send_times: dict[str, time]) -> World:
    mesh.configure("scheduler-service", SEND_TIMES=json.dumps({kind: at.isoformat() for kind, at in send_times.items()}))
    mesh.start_services()
    world = World(mesh, Api(mesh.url, Contract(_document(mesh.url))), Sky(send_times))
    appointment.invite(world)
    return world


@pytest.fixture(scope="session")
def api(world: World) -> Api:
    return world.api


def _document(url: str) -> dict[str, object]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("GET", "/openapi.json")
    document: dict[str, object] = json.load(connection.getresponse())
    connection.close()
    return document
