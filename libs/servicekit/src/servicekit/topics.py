"""The topics of the mesh, as declared in topics.toml: `python -m servicekit.topics --bootstrap HOST:PORT` creates them."""

from collections.abc import Sequence
from dataclasses import dataclass

from servicekit.runtime import Component
from servicekit.settings import KafkaSettings


class TopicMismatch(Exception):
    """A topic on the broker is not as declared."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as declared."""

    name: str
    partitions: int
    cleanup_policy: str
    retention_hours: int


def declared() -> list[Topic]:
    """All topics of topics.toml, in its order."""
    raise NotImplementedError


def create(bootstrap: str, *, replication: int = 1, timeout_seconds: float = 30) -> list[str]:
    """Create the declared topics that do not exist, and return their names. Idempotent. Raises TopicMismatch on other partition counts."""
    raise NotImplementedError


def topic_check(settings: KafkaSettings, names: Sequence[str]) -> Component:
    """A part whose start waits until the broker knows all these topics, and fails if one has another number of partitions than declared."""
    raise NotImplementedError
