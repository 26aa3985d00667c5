from pathlib import Path

import pytest

from servicekit.settings import KafkaSettings
from servicekit.topics import Topic, TopicMismatch, UsedTopics, declared, refuse_mismatches


def test_every_topic_has_the_fixed_number_of_partitions() -> None:
    topics = declared()
    assert {topic.partitions for topic in topics} == {60}
    assert len({topic.name for topic in topics}) == len(topics)


def test_a_compacted_topic_keeps_its_records_for_ever() -> None:
    config = Topic("changes", 64, "compact", 168).config(replication=3)
    assert config == {"cleanup.policy": "compact", "min.insync.replicas": "2"}


def test_others_keep_them_for_their_hours() -> None:
    assert Topic("due", 64, "delete", 2).config(replication=1)["retention.ms"] == "7200000"


def test_a_topics_own_values_win_over_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "topics.toml"
    path.write_text(
        '[defaults]\npartitions = 4\ncleanup_policy = "delete"\nretention_hours = 1\n[topics."a"]\n[topics."b"]\npartitions = 8\n'
    )
    assert [(topic.name, topic.partitions) for topic in declared(path)] == [("a", 4), ("b", 8)]


def test_another_number_of_partitions_is_refused_by_name() -> None:
    topics = [Topic("a", 64, "delete", 1), Topic("b", 64, "delete", 1)]
    refuse_mismatches(topics, {"a": 64})
    with pytest.raises(TopicMismatch, match="b has 12 partitions instead of 64"):
        refuse_mismatches(topics, {"a": 64, "b": 12})


def test_only_declared_topics_can_be_used() -> None:
    with pytest.raises(ValueError, match=r"not declared in topics\.toml: misspelt"):
        UsedTopics(KafkaSettings(kafka_bootstrap_servers="127.0.0.1:1"), ["misspelt"])
