"""The tests themselves are tried: with one wrong behaviour turned on, a test of that name goes red; without it, it is green."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.planted import PLANTS

_ROOT = Path(__file__).parents[2]
_ALL_PASSED, _SOME_FAILED = 0, 1
#: What `make test` runs.
QUICK = ("redis alone decides", "offset first", "without sent-final", "a new key for each try", "the day chosen by UTC")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "resilience.planted", *arguments]
    return subprocess.run(
        command, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT / "tests")}, capture_output=True, text=True, check=False
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in PLANTS])
def test_a_named_test_goes_red(name: str) -> None:
    caught_by = PLANTS[name].caught_by
    run = _run("--planted", name, caught_by)
    assert run.returncode == _SOME_FAILED, f"{name} is not caught by {caught_by}:\n{run.stdout}{run.stderr}"
    assert f"FAILED {caught_by}" in run.stdout, run.stdout


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_without_a_planted_bug_they_are_green() -> None:
    """Else what went red might have been red anyway."""
    run = _run(*sorted({plant.caught_by for plant in PLANTS.values()}))
    assert run.returncode == _ALL_PASSED, run.stdout
