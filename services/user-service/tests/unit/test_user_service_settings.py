import subprocess
import sys
from pathlib import Path

import pytest

from servicekit.settings import BadSettings, parse
from servicekit.settings_table import assert_readme_matches
from user_service.settings import Settings

README = Path(__file__).parents[2] / "README.md"
NEEDED = {
    "DATABASE_URL": "postgresql://users@localhost/heyday",
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
    "REDIS_URL": "redis://localhost",
}


def test_the_readme_shows_every_setting() -> None:
    assert_readme_matches(README, Settings)


def test_the_cache_keeps_users_for_an_hour_unless_told_otherwise() -> None:
    assert parse(Settings, NEEDED).cache_seconds == 3600


def test_every_mistake_is_listed_at_once() -> None:
    with pytest.raises(BadSettings) as raised:
        parse(Settings, {"CACHE_SECONDS": "0", "SNAPSHOT_EPOCH": "one", "CLOCK_OFFSET_SECONDS": "5", "ENVIRONMENT": "production"})
    named = {mistake.split(" ")[0] for mistake in raised.value.mistakes}
    assert named >= {*NEEDED, "CACHE_SECONDS", "SNAPSHOT_EPOCH", "CLOCK_OFFSET_SECONDS"}


def test_an_unknown_command_says_which_there_are() -> None:
    ended = subprocess.run([sys.executable, "-m", "user_service", "sing"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "Usage: python -m user_service [settings | migrate]\n")
