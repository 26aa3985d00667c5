"""A record that cannot be read is kept aside with its bytes and its position, and the partition moves on."""

from uuid import UUID, uuid4

import pytest

from e2e.topics import (
    MESSAGE_CANCELLED,
    MESSAGE_DUE,
    MESSAGE_OUTCOME,
    NOTIFIER_POISON,
    SCHEDULER_POISON,
    USER_CHANGED,
    Position,
    Seen,
    Topics,
)
from e2e.world import User, World, eventually

_RUBBISH = b"\xff\xfe no proto: Xiomara Poisoned, xiomara.poisoned@example.com"


@pytest.fixture(scope="module")
def topics(world: World) -> Topics:
    return Topics(world.mesh.kafka.bootstrap_servers)


def partition_of(topics: Topics, topic: str, user: User) -> int:
    """The partition that holds a user's records of a topic."""
    return eventually(lambda: topics.records(topic, user["id"]), f"a record on {topic}")[-1].position.partition


def kept_aside(topics: Topics, poison_topic: str, position: Position) -> Seen:
    def look() -> Seen | None:
        source = {"source-topic": position.topic, "source-partition": position.partition, "source-offset": position.offset}
        wanted = {name: str(value).encode() for name, value in source.items()}
        return next((seen for seen in topics.records(poison_topic) if wanted.items() <= seen.headers.items()), None)

    return eventually(look, f"the poison of {position}")


@pytest.mark.parametrize(
    ("topic", "poison_topic"),
    [
        (USER_CHANGED, SCHEDULER_POISON),
        (MESSAGE_OUTCOME, SCHEDULER_POISON),
        (MESSAGE_DUE, NOTIFIER_POISON),
        (MESSAGE_CANCELLED, NOTIFIER_POISON),
    ],
)
def test_a_record_that_cannot_be_read_is_kept_aside(world: World, topics: Topics, topic: str, poison_topic: str) -> None:
    key = uuid4().bytes
    position = topics.add(topic, key, _RUBBISH, partition=7)
    kept = kept_aside(topics, poison_topic, position)
    assert (kept.key, kept.value, bool(kept.headers["error"])) == (key, _RUBBISH, True)


def test_the_partition_moves_on_with_a_greeting_behind_the_poison(world: World, topics: Topics) -> None:
    user = world.create(timezone=world.sky.past("anniversary").timezone)
    partition = partition_of(topics, USER_CHANGED, user)
    for topic in (USER_CHANGED, MESSAGE_DUE, MESSAGE_OUTCOME):
        topics.add(topic, UUID(user["id"]).bytes, _RUBBISH, partition)
    world.patch(user, anniversary=f"2000-{world.sky.past('anniversary').today:%m-%d}")
    world.message(user, "SENT")
    assert {topics.records(topic, user["id"])[-1].position.partition for topic in (MESSAGE_DUE, MESSAGE_OUTCOME)} == {partition}
    assert len(world.provider.greetings(user["email"])) == 1
