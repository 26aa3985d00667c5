"""Prints k8s/production/topics.yaml: Strimzi's KafkaTopics, as libs/servicekit/src/servicekit/topics.toml declares the topics."""

import yaml

from servicekit.topics import Topic, declared

REPLICATION = 3
HEAD = "# Made by `python tools/strimzi_topics.py` from libs/servicekit/src/servicekit/topics.toml; a test holds them together.\n"


def main() -> None:
    print(HEAD + yaml.safe_dump_all([resource(topic) for topic in declared()], sort_keys=False), end="")


def resource(topic: Topic) -> dict[str, object]:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": "heyday"}},
        "spec": {"partitions": topic.partitions, "replicas": REPLICATION, "config": topic.config(REPLICATION)},
    }


if __name__ == "__main__":
    main()
