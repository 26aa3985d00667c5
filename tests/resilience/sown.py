"""Runs a service with one wrong behaviour turned on: `python -m resilience.sown NAME PACKAGE`."""

import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from backing import server
from backing.mesh import Mesh
from backing.replica import Replica
from backing.services import SERVICES
from resilience.planted import PLANTS


@contextmanager
def sown(mesh: Mesh, plants: Mapping[str, str]) -> Iterator[None]:
    """Within the block all replicas of these services run with the wrong behaviour of that name; afterwards as they did."""
    replicas = [replica for service in plants for replica in mesh.replicas[service]]
    clean = [replica.process.command for replica in replicas]
    wrong = [
        [sys.executable, "-m", "resilience.sown", name, SERVICES[service].package]
        for service, name in plants.items()
        for _ in mesh.replicas[service]
    ]
    _run(replicas, wrong)
    try:
        yield
    finally:
        _run(replicas, clean)


def _run(replicas: Sequence[Replica], commands: Sequence[Sequence[str]]) -> None:
    server.stop(*replicas)
    for replica, command in zip(replicas, commands, strict=True):
        replica.process.command = command
    server.start(*replicas)


if __name__ == "__main__":
    name, package = sys.argv[1:]
    del sys.argv[1:]
    PLANTS[name].sow()
    runpy.run_module(package, run_name="__main__", alter_sys=True)
