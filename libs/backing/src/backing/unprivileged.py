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


def programs(installed: Path) -> Path:
    """The directory of programs, or where that is out of the account's reach a copy in the temporary directory."""
    if _reachable(installed):
        return installed
    copy = _twin(installed)
    if not copy.exists():
        partial = Path(tempfile.mkdtemp(prefix="heyday-"))
        shutil.copytree(installed, partial, dirs_exist_ok=True)
        partial.chmod(0o755)
        partial.rename(copy)
    return copy


def _reachable(path: Path) -> bool:
    return user() is None or all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents if folder.exists())


def _twin(path: Path) -> Path:
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"heyday-{path.name}-{digest}"
