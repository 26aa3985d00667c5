"""The rules of time as services see them, changed once."""

from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from occasions import zones
from scheduler_service.domain import planning, rules

VERSION = "9999z"


@contextmanager
def undone() -> Iterator[None]:
    """Afterwards all is as it was."""
    real = zones._rules, zones.TZDATA_VERSION
    try:
        yield
    finally:
        zones._rules, zones.TZDATA_VERSION = real
        _forget()


def adopt(zone: str, hours: int) -> None:
    """Let a zone keep a fixed offset from UTC, as a new tzdata might say."""
    new, read = ZoneInfo(f"Etc/GMT{-hours:+}"), zones._rules
    zones._rules = lambda name: new if name == zone else read(name)  # type: ignore[assignment]
    zones.TZDATA_VERSION = VERSION
    _forget()


def _forget() -> None:
    rules._send_instant.cache_clear()
    planning._everywhere.cache_clear()
