"""A lock of one directory that ends with its holder, however that ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Held(RuntimeError):
    """Another process holds the lock."""


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Holds the lock; raises Held at once if another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(f"Another process holds {path}.") from None
        yield


def is_held(path: Path) -> bool:
    try:
        with holding(path):
            return False
    except Held:
        return True
