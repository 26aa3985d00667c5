"""Named seams at which a test can make a process die, stop, fail or be slow. Nothing happens unless FAILPOINTS says so.

An action is `kill`, `raise`, `pause:SECONDS` (the whole process stands still) or `sleep:SECONDS` (this task waits), followed by an
optional `@N`: only at the Nth time the seam is reached. Without it the action is taken each time.
"""

from collections.abc import Mapping


class FailpointReached(Exception):
    """A test has asked for a failure at this point."""


async def reach(name: str) -> None:
    """Take the action armed at `name`, if any; else cost one look into an empty dict."""
    raise NotImplementedError


def arm(actions: Mapping[str, str]) -> None:
    """Replace all armed actions; raises ValueError on an action it does not know. Settings refuse any outside development and test."""
    raise NotImplementedError
