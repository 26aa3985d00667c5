"""Keeps a mesh running in the background, for `make up`, `status`, `logs` and `down`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from threading import Event
from typing import Final

from backing import lock
from backing.mesh import PROJECT, Mesh

RUN: Final = PROJECT / ".run"
_LOCK: Final = RUN / "mesh.lock"  # Held while the supervisor lives, so that a stale description is known for one.
_DESCRIPTION: Final = RUN / "mesh.json"
_LOG: Final = RUN / "logs" / "mesh.log"


class NotRunning(RuntimeError):
    """Nothing runs here: start it with `make up`."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True)
class Description:
    """What runs, for other processes to read."""

    supervisor_pid: int
    url: str
    internal_url: str
    provider_url: str
    addresses: dict[str, str]


def supervise() -> None:
    """Runs a mesh until SIGTERM or SIGINT, and starts again whatever part of it ends."""
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with lock.holding(_LOCK), Mesh(RUN, provider_url=os.environ.get("PROVIDER_URL"), progress=_say) as mesh, _described(mesh):
        while not ended.wait(timeout=1):
            _start_again_what_ended(mesh)
        _say("Stopping")


def launch() -> Description:
    """Starts a supervisor in the background and returns once everything answers; shows its progress. Exits if it fails."""
    if lock.is_held(_LOCK):
        raise lock.Held("A mesh is being started or stopped just now: see `make status`.")
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    _DESCRIPTION.unlink(missing_ok=True)  # Left by a supervisor that was killed.
    with _LOG.open("w+") as log:
        supervisor = subprocess.Popen([sys.executable, "-m", "backing", "supervise"], stdout=log, stderr=log, start_new_session=True)
        with _LOG.open() as progress:
            try:
                return _follow_until_described(supervisor, progress)
            except BaseException:
                supervisor.terminate()
                supervisor.wait()
                raise


def running() -> Description:
    """What runs now; raises NotRunning."""
    if not (_DESCRIPTION.exists() and lock.is_held(_LOCK)):
        raise NotRunning
    return Description(**json.loads(_DESCRIPTION.read_text()))


def end() -> None:
    """Stops what runs, and returns when it is gone; nothing happens if nothing runs."""
    if (supervisor := lock.holder(_LOCK)) is not None:  # Also one that is still starting, and has described nothing yet.
        os.kill(supervisor, signal.SIGTERM)
        while lock.is_held(_LOCK):
            time.sleep(0.1)


def _follow_until_described(supervisor: "subprocess.Popen[bytes]", progress: Iterator[str]) -> Description:
    while True:
        for line in progress:
            print(line, end="", flush=True)
        with suppress(NotRunning):
            return running()
        if supervisor.poll() is not None:
            raise SystemExit(supervisor.returncode or 1)
        time.sleep(0.1)


def _start_again_what_ended(mesh: Mesh) -> None:
    for name, part in mesh.parts():
        if not part.process.running:
            _say(f"{name} ended with exit code {part.process.exit_code}: starting it again")
            part.process.start()


@contextmanager
def _described(mesh: Mesh) -> Iterator[None]:
    addresses = {name: part.address for name, part in mesh.parts()}
    description = Description(os.getpid(), mesh.url, mesh.internal_url, mesh.provider_url, addresses)
    partial = _DESCRIPTION.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(description), indent=2))
    partial.rename(_DESCRIPTION)  # Readers see all of it or none.
    yield
    _DESCRIPTION.unlink()


def _say(line: str) -> None:
    print(line, flush=True)
