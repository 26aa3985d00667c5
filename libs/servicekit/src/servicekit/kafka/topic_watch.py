"""Notices that a topic was deleted and made again under its name."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from servicekit.kafka.config import client_config, log_error
from servicekit.settings import KafkaSettings

LOOK_EVERY_SECONDS = 10.0
ANSWER_SECONDS = 5.0

_log = structlog.get_logger()


class TopicWatch:
    """Compares the topics' ids: a librdkafka consumer holds on to a topic that is gone, and reads nothing of its namesake."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str], remade: Callable[[], None]) -> None:
        self._settings = settings
        self._topics = list(topics)
        self._remade = remade
        self._ids: dict[str, str] = {}

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        config = client_config(self._settings) | {"error_cb": lambda error: log_error("kafka-topic-watch", error)}
        admin = AdminClient(config)
        while True:
            self._compare(await asyncio.to_thread(self._look, admin))
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _look(self, admin: AdminClient) -> dict[str, str]:
        """The ids of those topics that are there and are told in time."""
        found = {}
        for name, described in admin.describe_topics(TopicCollection(self._topics), request_timeout=ANSWER_SECONDS).items():
            try:
                found[name] = str(described.result().topic_id)
            except KafkaException:
                continue
        return found

    def _compare(self, found: dict[str, str]) -> None:
        remade = [name for name, id_ in found.items() if self._ids.get(name, id_) != id_]
        self._ids |= found
        if remade:
            _log.warning("kafka.topic_made_again", topics=remade)
            self._remade()
