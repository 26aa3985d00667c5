"""Named seams at which a test can make a process die, stand still, fail or be slow. Nothing happens unless FAILPOINTS says so.

An action is `kill`, `raise`, `pause:SECONDS` (the whole process stands still) or `sleep:SECONDS` (this task waits), followed by an
optional `@N`: only at the Nth time the seam is reached. Without it the action is taken each time.
"""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import structlog

_log = structlog.get_logger()
_FORM = re.compile(r"(?P<verb>kill|raise|(?P<timed>pause|sleep):(?P<seconds>\d+(\.\d+)?))(@(?P<turn>[1-9]\d*))?")


class FailpointReached(Exception):
    """A test has asked for a failure at this point."""


@dataclass(slots=True)
class Action:
    """What to do at a seam, and at which turn; 0: at every one."""

    verb: str
    seconds: float = 0
    turn: int = 0
    reached: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError("knows the actions kill, raise, pause:SECONDS and sleep:SECONDS, each with @N for the Nth time only")
        return cls(match["timed"] or match["verb"], float(match["seconds"] or 0), int(match["turn"] or 0))

    async def take(self, name: str) -> None:
        self.reached += 1
        if self.turn not in (0, self.reached):
            return
        _log.warning("failpoint.taken", seam=name, action=self.verb)
        if self.verb == "raise":
            raise FailpointReached(f"A test has asked for a failure at {name}.")
        if self.verb == "sleep":
            await asyncio.sleep(self.seconds)
        elif self.verb == "pause":
            _stand_still(self.seconds)
        else:
            os.kill(os.getpid(), signal.SIGKILL)


_armed: dict[str, Action] = {}


async def reach(name: str) -> None:
    """Take the action armed at `name`, if any; else cost one look into an empty dict."""
    action = _armed.get(name)
    if action is not None:
        await action.take(name)


def arm(actions: Mapping[str, str]) -> None:
    """Replace all armed actions; raises ValueError on an action it does not know. Settings refuse any outside development and test."""
    _armed.clear()
    _armed.update({name: Action.parse(text) for name, text in actions.items()})


def _stand_still(seconds: float) -> None:
    # A sleep would leave other threads running (Kafka's heartbeat): SIGSTOP stops them all, as a frozen machine does.
    subprocess.Popen(["/bin/sh", "-c", f"sleep {seconds}; kill -CONT {os.getpid()}"])
    os.kill(os.getpid(), signal.SIGSTOP)
