"""The rules of time as services see them, quick to ask for a whole year, and changed once."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from zoneinfo import ZoneInfo

from occasions import zones
from scheduler_service.domain import KindRules, rules

VERSION = "9999z"


@contextmanager
def kept() -> Iterator[None]:
    """Remember each answer, of which a year needs the same a hundred times; afterwards all is as it was."""
    real = KindRules.moments, zones._rules, zones.TZDATA_VERSION
    KindRules.moments = lru_cache(maxsize=1 << 18)(KindRules.moments)  # type: ignore[method-assign]
    try:
        yield
    finally:
        KindRules.moments, zones._rules, zones.TZDATA_VERSION = real  # type: ignore[method-assign]
        rules._send_instant.cache_clear()


def adopt(zone: str, hours: int) -> None:
    """Let a zone keep a fixed offset from UTC, as a new tzdata might say."""
    new, read = ZoneInfo(f"Etc/GMT{-hours:+}"), zones._rules
    zones._rules = lambda name: new if name == zone else read(name)  # type: ignore[assignment]
    zones.TZDATA_VERSION = VERSION
    rules._send_instant.cache_clear()
    KindRules.moments.cache_clear()  # type: ignore[attr-defined]
