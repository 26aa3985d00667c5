"""A pytest plugin that turns one wrong behaviour on: `-p resilience.planted --planted NAME`."""

import pytest

from resilience import bugs_beside_the_model, bugs_elsewhere, bugs_of_the_notifier, bugs_of_the_scheduler, bugs_of_the_stores
from resilience.sowing import PLANTS

__all__ = ["PLANTS", "bugs_beside_the_model", "bugs_elsewhere", "bugs_of_the_notifier", "bugs_of_the_scheduler", "bugs_of_the_stores"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--planted", choices=sorted(PLANTS), help="the wrong behaviour to turn on")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    # Before any conftest, for these import what is to be swapped.
    if name := early_config.known_args_namespace.planted:
        PLANTS[name].sow()
