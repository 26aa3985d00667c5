"""Commands of the services and of servicekit, run to their end as an operator would run them."""

import subprocess
import sys
from collections.abc import Mapping

from backing.environment import with_settings


def migrate(package: str, settings: Mapping[str, str]) -> None:
    """Applies a service's migrations; raises CalledProcessError with the command's output in its notes."""
    _run([package, "migrate"], settings)


def create_topics(bootstrap_servers: str) -> None:
    """Creates the declared topics that are missing."""
    _run(["servicekit.topics", "--bootstrap", bootstrap_servers], {})


def _run(module: list[str], settings: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", *module]
    try:
        subprocess.run(command, check=True, env=with_settings(settings), capture_output=True, text=True)
    except subprocess.CalledProcessError as failure:
        failure.add_note(f"{failure.stdout}{failure.stderr}")
        raise
