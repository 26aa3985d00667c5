import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from backing.mesh import Mesh
from resilience.campaign import SETTINGS, Campaign


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
        yield mesh


@pytest.fixture
def campaign(mesh: Mesh, seed: int, request: pytest.FixtureRequest) -> Iterator[Campaign]:
    print(f"seed {seed}")
    # Other people in each scenario: Redis remembers who was greeted in the one before.
    campaign = Campaign(mesh, f"{seed} {request.node.name}")
    yield campaign
    campaign.clear()
