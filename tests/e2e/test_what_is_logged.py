"""The logs of everything that these tests did: events as JSON, and nothing that tells who somebody is."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from e2e.world import USERS, World, somebody

_SERVICES = ("user-service", "scheduler-service", "notifier-service", "dispatcher-service", "gateway")


@pytest.fixture(scope="module")
def logs(world: World) -> dict[str, str]:
    """All logs, after a last round of what is most likely to be quoted."""
    user = world.create_at(world.sky.past("anniversary"))
    world.message(user, "SENT")
    for mistake in ({"email": "xiomara.mistaken@@example.com"}, {"birthday": "1961-02-30"}, {"email": user["email"]}):
        assert world.api.call("POST", USERS, somebody(**mistake)).status in (400, 409)
    return {path.name: path.read_text(errors="replace") for path in sorted(Path(world.mesh.logs).glob("*.log"))}


def test_no_log_names_anybody(world: World, logs: dict[str, str]) -> None:
    this_year = str(datetime.now(UTC).year)
    telling = {text for text in world.api.personal if not text.startswith(this_year)}
    written = {form for text in telling for form in (text, json.dumps(text)[1:-1])}
    assert len(telling) > 100
    found = {name: sorted(text for text in written if text in log) for name, log in logs.items()}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_no_log_holds_any_address(logs: dict[str, str]) -> None:
    assert {name: found for name, log in logs.items() if (found := re.findall(r"\S*@example\.com", log))} == {}


@pytest.mark.parametrize("service", _SERVICES)
def test_every_line_is_an_event(logs: dict[str, str], service: str) -> None:
    lines = [json.loads(line) for name, log in logs.items() if name.startswith(service) for line in log.splitlines()]
    assert lines
    assert all({"event", "level", "timestamp", "service"} <= line.keys() for line in lines)


@pytest.mark.parametrize("service", _SERVICES)
def test_no_service_met_a_defect(logs: dict[str, str], service: str) -> None:
    events = [json.loads(line) for name, log in logs.items() if name.startswith(service) for line in log.splitlines()]
    assert [event for event in events if "panic" in event["event"] or "defect" in event["event"]] == []
