import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from backing.mesh import Mesh
from resilience import report
from resilience.campaign import SETTINGS, Campaign, wait_until
from resilience.due_topic import wait_until_read


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", type=Path, help="where the figures of the run are written, as JSON")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    stats = terminalreporter.stats
    figures = report.figures_of(each for ended in ("passed", "failed", "error") for each in stats.get(ended, []))
    if figures["files"]:
        terminalreporter.section("resilience")
        for line in report.lines_of(figures):
            terminalreporter.write_line(line)
    if path := config.getoption("--figures", None):
        report.write(figures, path)


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of every choice; it is printed, and given again by SEED=..."""
    return int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    directory = Path(tmp_path_factory.mktemp("mesh"))
    directory.chmod(0o755)
    two = {"scheduler-service": 2, "notifier-service": 2, "dispatcher-service": 2}
    with Mesh(directory, settings=SETTINGS, replicas=two, durable=False) as mesh:
        # The first plan moves what is planned to where the rules put it; the bursts are planned by none.
        wait_until(lambda: has_planned(mesh), 90, "the plan of the start")
        yield mesh


def has_planned(mesh: Mesh) -> bool:
    with urlopen(f"{mesh.url}/api/v1/jobs/plan", timeout=30) as answer:
        return (json.load(answer).get("lastRun") or {}).get("result") == "SUCCEEDED"


@pytest.fixture
def campaign(mesh: Mesh, seed: int, request: pytest.FixtureRequest) -> Iterator[Campaign]:
    print(f"seed {seed}")
    # Other people in each scenario: Redis remembers who was greeted in the one before.
    campaign = Campaign(mesh, f"{seed} {request.node.name}")
    yield campaign
    # A record that is still held would be new to a ledger that has been emptied.
    wait_until_read(mesh.kafka.bootstrap_servers, 60)
    campaign.clear()
