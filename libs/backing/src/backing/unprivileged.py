"""Postgres refuses to run as root. Where we are root it runs as `nobody`, from directories that nobody can reach."""

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

_USER = "nobody"


def user() -> str | None:
    """The account to run as, or None for one's own."""
    return _USER if os.geteuid() == 0 else None


def directory(wanted: Path) -> Path:
    """An existing directory that the account owns: the wanted one, or where that is out of its reach one in the temporary directory."""
    chosen = wanted if _reachable(wanted) else _twin(wanted)
    chosen.mkdir(parents=True, exist_ok=True)
    if account := user():
        shutil.chown(chosen, account)
        chosen.chmod(0o700)
    return chosen


def wheel(package: Path) -> Path:
    """An installed package with programs, or where that is out of the account's reach a copy in the temporary directory.

    The wheel's own shared libraries, which the programs look for beside the package, come along.
    """
    if _reachable(package):
        return package
    copy = _twin(package)
    if not copy.exists():
        partial = Path(tempfile.mkdtemp(prefix="heyday-"))
        for part in (package, package.with_suffix(".libs")):
            shutil.copytree(part, partial / part.name)
        partial.chmod(0o755)
        partial.rename(copy)
    return copy / package.name


def _reachable(path: Path) -> bool:
    return user() is None or all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents if folder.exists())


def _twin(path: Path) -> Path:
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"heyday-{path.name}-{digest}"
