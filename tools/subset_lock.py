"""Prints the part of a hash-locked requirements file that some packages need: subset_lock.py LOCK NAMES_FILE.

An image holds what its service imports, not what all of them do; the pins and hashes stay those of the one lock. Only the standard library.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9_.-]+)(\[[^]]*\])?==")
_VIA = re.compile(r"^    # +(?:via +)?([A-Za-z0-9_.-]+)$")


def subset(lock: str, names: Iterable[str]) -> str:
    """The blocks of `names` and of everything they need, in the lock's order. Raises KeyError for a name that is not locked."""
    blocks = _blocks(lock)
    wanted: set[str] = set()
    waiting = [_canonical(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in blocks:
            raise KeyError(name)
        if name not in wanted:
            wanted.add(name)
            waiting += [other for other, block in blocks.items() if name in _needed_by(block)]
    return "".join(block for name, block in blocks.items() if name in wanted)


def names_in(text: str) -> list[str]:
    """The packages of a list with a name on each line and comments."""
    return [name for line in text.splitlines() if (name := line.partition("#")[0].strip())]


def _blocks(lock: str) -> dict[str, str]:
    blocks: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if pin := _PIN.match(line):
            name = _canonical(pin[1])
        if name:
            blocks[name] = blocks.get(name, "") + line
    return blocks


def _needed_by(block: str) -> set[str]:
    return {_canonical(via[1]) for line in block.splitlines() if (via := _VIA.match(line))}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


if __name__ == "__main__":
    lock_file, names_file = map(Path, sys.argv[1:])
    print(subset(lock_file.read_text(encoding="utf-8"), names_in(names_file.read_text(encoding="utf-8"))), end="")
