import asyncio

import pytest

from backing.kafka import Kafka
from servicekit import topics
from servicekit.settings import KafkaSettings
from servicekit.topics import Topic, TopicCheck, TopicMismatch


async def test_a_check_waits_until_all_topics_are_there_and_making_them_twice_is_harmless(
    kafka_server: Kafka, kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "declared", lambda: [Topic("made-a", 3, "compact", 1), Topic("made-b", 2, "delete", 1)])
    check = TopicCheck(kafka_settings, ["made-a", "made-b"])
    starting = asyncio.create_task(check.start())
    await asyncio.sleep(0.3)
    assert not starting.done()
    assert topics.create(kafka_server.bootstrap_servers) == ["made-a", "made-b"]
    await asyncio.wait_for(starting, 10)
    assert topics.create(kafka_server.bootstrap_servers) == []
    monkeypatch.setattr(topics, "declared", lambda: [Topic("made-a", 64, "compact", 1)])
    with pytest.raises(TopicMismatch, match="made-a has 3 partitions instead of 64"):
        await TopicCheck(kafka_settings, ["made-a"]).start()
