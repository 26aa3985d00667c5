"""Kafka's jars: `python -m backing.jars` fetches those that the lock names and checks each against its hash."""

import hashlib
import os
import shutil
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

_PROJECT: Final = Path(__file__).parents[4]
_LOCK: Final = _PROJECT / "libs" / "backing" / "kafka" / "jgo.lock.toml"
_CACHE: Final = _PROJECT / ".cache" / "kafka"


class JarsMissing(RuntimeError):
    """Kafka's jars are not here yet: run `make kafka`."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def class_path() -> str:
    """Java's class path of the broker; raises JarsMissing before the first fetch."""
    paths = [_path(jar) for jar in _locked()]
    if not all(path.exists() for path in paths):
        raise JarsMissing
    return os.pathsep.join(map(str, paths))


def fetch() -> None:
    """Brings the missing jars from Maven's central repository; raises ValueError for one whose hash is not the locked one."""
    missing = [jar for jar in _locked() if not _path(jar).exists()]
    if not missing:
        return
    _CACHE.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(8) as pool:
        fetched = [pool.submit(_fetch_one, jar) for jar in missing]
        for count, future in enumerate(as_completed(fetched), start=1):
            future.result()
            _show(f"Kafka's jars: {count} of {len(missing)}", last=count == len(missing))


def _fetch_one(jar: dict[str, Any]) -> None:
    from jgo.maven import MavenContext  # Takes 0.3 s to import, and is needed once.

    context = MavenContext(repo_cache=_CACHE / "download", timeout=60)
    project = context.project(jar["groupId"], jar["artifactId"])
    downloaded = project.at_version(jar["version"]).artifact(packaging=jar["packaging"]).resolve()
    if hashlib.sha256(downloaded.read_bytes()).hexdigest() != jar["sha256"]:
        downloaded.unlink()
        raise ValueError(f"{downloaded.name} is not the file whose hash is locked in {_LOCK.name}")
    shutil.move(downloaded, _path(jar))


def _locked() -> list[dict[str, Any]]:
    return list(tomllib.loads(_LOCK.read_text())["dependencies"])


def _path(jar: dict[str, Any]) -> Path:
    return _CACHE / f"{jar['artifactId']}-{jar['version']}.{jar['packaging']}"


def _show(line: str, *, last: bool) -> None:
    if sys.stdout.isatty():
        print(f"\r{line}", end="\n" if last else "", flush=True)
    elif last:
        print(line, flush=True)


if __name__ == "__main__":
    fetch()
