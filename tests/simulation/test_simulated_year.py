"""A few simulated weeks; `make simulate` plays whole years. Seeds that once failed stay here."""

import os
import subprocess
import sys

import pytest

RUNS = {
    "the turn of a common year to a leap year": ["--seed", "1", "--since", "2027-12-28", "--days", "6", "--people", "1500"],
    "29 February, and summer time in America": ["--seed", "2", "--since", "2028-02-26", "--days", "6", "--people", "1500"],
}


@pytest.mark.parametrize("run", RUNS)
def test_nothing_is_lost_nothing_doubled_nothing_early(run: str) -> None:
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    ended = subprocess.run([sys.executable, "-m", "simulation", *RUNS[run]], capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
