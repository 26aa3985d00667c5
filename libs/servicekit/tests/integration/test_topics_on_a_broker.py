import asyncio

import pytest
from prometheus_client import REGISTRY

from backing.kafka import Kafka
from servicekit import topics
from servicekit.kafka import KafkaUnavailable
from servicekit.settings import KafkaSettings
from servicekit.topics import Topic, TopicCheck, TopicMismatch, UsedTopics


async def test_a_check_waits_until_all_topics_are_there_and_making_them_twice_is_harmless(
    kafka_server: Kafka, kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "declared", lambda: [Topic("made-a", 3, "compact", 1), Topic("made-b", 2, "delete", 1)])
    check = TopicCheck(UsedTopics(kafka_settings, ["made-a", "made-b"]))
    starting = asyncio.create_task(check.start())
    await asyncio.sleep(0.3)
    assert not starting.done()
    assert topics.create(kafka_server.bootstrap_servers) == ["made-a", "made-b"]
    await asyncio.wait_for(starting, 10)
    assert topics.create(kafka_server.bootstrap_servers) == []
    monkeypatch.setattr(topics, "declared", lambda: [Topic("made-a", 64, "compact", 1)])
    with pytest.raises(TopicMismatch, match="made-a has 3 partitions instead of 64"):
        await TopicCheck(UsedTopics(kafka_settings, ["made-a"])).start()


async def test_a_look_measures_the_partitions_of_topics_in_use(
    kafka_server: Kafka, kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "declared", lambda: [Topic("seen", 3, "delete", 1)])
    topics.create(kafka_server.bootstrap_servers)
    monkeypatch.setattr(topics, "declared", lambda: [Topic("seen", 3, "delete", 1), Topic("unseen", 2, "delete", 1)])
    await UsedTopics(kafka_settings, ["seen", "unseen"]).look()
    measured = {topic: REGISTRY.get_sample_value("kafka_topic_partitions", {"topic": topic}) for topic in ("seen", "unseen")}
    assert measured == {"seen": 3, "unseen": 0}


async def test_a_look_at_a_broker_that_is_away_ends_in_time() -> None:
    nowhere = KafkaSettings(kafka_bootstrap_servers="127.0.0.1:9")
    with pytest.raises(KafkaUnavailable):
        await asyncio.wait_for(UsedTopics(nowhere, ["heyday.user.v1.user-changed"]).look(), 2)
