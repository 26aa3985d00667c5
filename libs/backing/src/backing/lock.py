"""A lock of one directory that ends with its holder, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class Held(RuntimeError):
    """Another process holds the lock."""


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Holds the lock; raises Held at once if another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _taken(file):
            raise Held(f"Another process holds {path}.")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def holder(path: Path) -> int | None:
    """The process that holds the lock; None if none does."""
    return int(path.read_text() or 0) or None if is_held(path) else None


def is_held(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("a") as file:
        return not _taken(file)


def _taken(file: IO[str]) -> bool:
    """Whether the lock is ours now, until the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
