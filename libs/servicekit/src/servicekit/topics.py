"""The topics of the mesh, as declared in topics.toml: `python -m servicekit.topics --bootstrap HOST:PORT` creates them."""

import argparse
import asyncio
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from prometheus_client import Gauge

from servicekit.kafka.config import client_config
from servicekit.kafka.ports import KafkaUnavailable
from servicekit.loops import Backoff
from servicekit.settings import KafkaSettings

DECLARATION = Path(__file__).with_name("topics.toml")
METADATA_SECONDS = 5.0
#: Below the time-out of a probe: a thread that asks cannot be cancelled.
LOOK_SECONDS = 1.5
PARTITIONS = Gauge(
    "kafka_topic_partitions", "Partitions of a topic this process uses, as the broker told last; 0: there is none.", ["topic"]
)
DECLARED = Gauge("kafka_topic_declared_partitions", "Partitions that a topic this process uses must have.", ["topic"])

_log = structlog.get_logger()


class TopicMismatch(Exception):
    """A topic on the broker is not as declared."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as declared."""

    name: str
    partitions: int
    cleanup_policy: str
    retention_hours: int

    def config(self, replication: int) -> dict[str, str]:
        config = {"cleanup.policy": self.cleanup_policy, "min.insync.replicas": str(min(2, replication))}
        if self.cleanup_policy == "delete":
            config["retention.ms"] = str(self.retention_hours * 3_600_000)
        return config


def declared(path: Path = DECLARATION) -> list[Topic]:
    """All topics that are declared, in the file's order."""
    declaration = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Topic(name, **{**declaration["defaults"], **own}) for name, own in declaration["topics"].items()]


def create(bootstrap: str, *, replication: int = 1, timeout_seconds: float = 30) -> list[str]:
    """Create the declared topics that do not exist, and return their names. Idempotent. Raises TopicMismatch on other partition counts."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = declared()
    existing = _partition_counts(admin, timeout_seconds)
    missing = [topic for topic in topics if topic.name not in existing]
    new = [NewTopic(topic.name, topic.partitions, replication, config=topic.config(replication)) for topic in missing]
    for future in admin.create_topics(new, operation_timeout=timeout_seconds).values() if new else ():
        _await_creation(future, timeout_seconds)
    refuse_mismatches(topics, existing)
    return [topic.name for topic in missing]


def refuse_mismatches(topics: Collection[Topic], counts: Mapping[str, int]) -> None:
    """Raise TopicMismatch naming every topic of which `counts` has another number of partitions than declared."""
    wrong = [
        f"{topic.name} has {counts[topic.name]} partitions instead of {topic.partitions}"
        for topic in topics
        if counts.get(topic.name, topic.partitions) != topic.partitions
    ]
    if wrong:
        raise TopicMismatch("; ".join(wrong) + ". Keys would change partition: make a new topic instead.")


class UsedTopics:
    """The declared topics that a process uses, as the broker knows them."""

    def __init__(self, settings: KafkaSettings, names: Sequence[str]) -> None:
        self._settings = settings
        self._topics = [topic for topic in declared() if topic.name in names]
        if unknown := set(names) - {topic.name for topic in self._topics}:
            raise ValueError(f"not declared in {DECLARATION.name}: {', '.join(sorted(unknown))}")

    async def look(self) -> None:
        """Measure how many partitions each has, by one question to the broker; raises KafkaUnavailable. For `runtime.probe`."""
        counts = await asyncio.to_thread(self._counts, LOOK_SECONDS)
        for topic in self._topics:
            PARTITIONS.labels(topic.name).set(counts.get(topic.name, 0))
            DECLARED.labels(topic.name).set(topic.partitions)

    async def missing(self) -> list[str]:
        """Those that the broker does not know. Raises KafkaUnavailable, and TopicMismatch if one has other partitions than declared."""
        counts = await asyncio.to_thread(self._counts, METADATA_SECONDS)
        refuse_mismatches(self._topics, counts)
        return [topic.name for topic in self._topics if topic.name not in counts]

    @cached_property
    def _admin(self) -> AdminClient:
        return AdminClient(client_config(self._settings))

    def _counts(self, timeout_seconds: float) -> dict[str, int]:
        try:
            return _partition_counts(self._admin, timeout_seconds)
        except KafkaException as error:
            raise KafkaUnavailable(f"Kafka did not tell its topics: {error.args[0].name()}.") from error


class TopicCheck:
    """A Component whose start waits until the broker knows all these topics, and fails if one has other partitions than declared."""

    name = "topic-check"

    def __init__(self, topics: UsedTopics) -> None:
        self._topics = topics

    async def start(self) -> None:
        failures = 0
        while missing := await self._missing():
            failures += 1
            _log.info("kafka.waiting_for_topics", missing=missing)
            await asyncio.sleep(Backoff(longest=5).seconds(failures))

    async def wait(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        pass

    async def _missing(self) -> list[str]:
        try:
            return await self._topics.missing()
        except KafkaUnavailable as error:
            return [f"all: {error.message}"]


def _partition_counts(admin: AdminClient, timeout_seconds: float) -> dict[str, int]:
    metadata = admin.list_topics(timeout=timeout_seconds)
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _await_creation(future: Any, timeout_seconds: float) -> None:
    try:
        future.result(timeout_seconds)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was first
            raise


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m servicekit.topics", description="Create the topics of the mesh that do not exist yet.")
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT", help="a broker")
    parser.add_argument("--replication", type=int, default=1, metavar="N", help="copies of each partition (3 in production)")
    arguments = parser.parse_args()
    created = create(arguments.bootstrap, replication=arguments.replication)
    print(f"{len(created)} topics created, {len(declared()) - len(created)} were there.")


if __name__ == "__main__":
    main()
