"""The tests themselves are tried: with one wrong behaviour turned on, a test of that name goes red; without it, it is green."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from model.rules import RULES
from resilience import bugs_beside_the_model, bugs_of_the_stores
from resilience.planted import PLANTS
from resilience.rules_beside_the_model import RULES_BESIDE_THE_MODEL

_ROOT = Path(__file__).parents[2]
_ALL_PASSED, _SOME_FAILED = 0, 1
#: A planted bug that does not fit the code any more is red for that alone; what has ended without its outcome is None.
_MISFIT = re.compile(r"^E\s+(TypeError|NameError|ImportError|AttributeError(?!: 'NoneType'))", re.MULTILINE)
#: What `make test` runs.
QUICK = ("redis alone decides", "without offset-last", "without sent-final", "a new key for each try", "the day chosen by UTC")
#: Rules that no service follows yet: no notifier tells of HELD.
AHEAD = {"held-decides"}


def test_every_rule_of_the_protocol_is_taken_away_once() -> None:
    assert {f"without {rule}" for rule in RULES.keys() - AHEAD} <= PLANTS.keys()


def test_every_rule_beside_the_model_is_taken_away() -> None:
    named = {name for names in RULES_BESIDE_THE_MODEL.values() for name in names}
    assert all(RULES_BESIDE_THE_MODEL.values())
    assert named <= PLANTS.keys()
    beside = {bugs_beside_the_model.__name__, bugs_of_the_stores.__name__}
    assert {name for name, plant in PLANTS.items() if plant.sow.__module__ in beside} <= named


Run = subprocess.CompletedProcess[str]


def _run(*arguments: str) -> Run:
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "resilience.planted", *arguments]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[Run]]]:
    """A run with each wrong behaviour that is asked for, as many at a time as there are processors: most of the time they only start."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function) and "runs" in item.fixturenames]
    names = [str(test.callspec.params["name"]) for test in tests]
    pool = ThreadPoolExecutor(os.cpu_count())
    yield {name: pool.submit(_run, "--planted", name, PLANTS[name].caught_by) for name in names}
    pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in PLANTS])
def test_a_named_test_goes_red(name: str, runs: Mapping[str, Future[Run]]) -> None:
    caught_by, run = PLANTS[name].caught_by, runs[name].result()
    assert run.returncode == _SOME_FAILED, f"{name} is not caught by {caught_by}:\n{run.stdout}{run.stderr}"
    assert f"FAILED {caught_by}" in run.stdout, run.stdout
    assert not _MISFIT.search(run.stdout), run.stdout
    print(f"{name}: caught by {caught_by}")


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_without_a_planted_bug_they_are_green() -> None:
    """Else what went red might have been red anyway."""
    run = _run(*sorted({plant.caught_by for plant in PLANTS.values()}))
    assert run.returncode == _ALL_PASSED, run.stdout
