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
from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.user.v1.user_changed_pb2 import UserChanged
from heyday.user.v1.user_pb2 import User as Snapshot

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


#: Readable, and yet nothing that Postgres could keep.
_NAMELESS = UserChanged(user=Snapshot(id=str(uuid4()), first_name="a\0b", timezone="Europe/Oslo")).SerializeToString()
_REASONLESS = MessageOutcome(id=uuid4().bytes, revision=1, result=MessageOutcome.FAILED, reason="a\0b").SerializeToString()


@pytest.mark.parametrize(
    ("topic", "value", "poison_topic", "wrong"),
    [
        (USER_CHANGED, _RUBBISH, SCHEDULER_POISON, b"not a readable snapshot of a user: DecodeError"),
        (USER_CHANGED, _NAMELESS, SCHEDULER_POISON, b"a null character in a text"),
        (MESSAGE_OUTCOME, _RUBBISH, SCHEDULER_POISON, b"not a readable MessageOutcome: DecodeError"),
        (MESSAGE_OUTCOME, _REASONLESS, SCHEDULER_POISON, b"a null character in a text"),
        (MESSAGE_DUE, _RUBBISH, NOTIFIER_POISON, b"no such message"),
        (MESSAGE_CANCELLED, _RUBBISH, NOTIFIER_POISON, b"no such message"),
    ],
    ids=["user", "user with a null", "outcome", "outcome with a null", "due", "cancelled"],
)
def test_a_record_that_cannot_be_read_is_kept_aside(
    world: World, topics: Topics, topic: str, value: bytes, poison_topic: str, wrong: bytes
) -> None:
    key = uuid4().bytes
    position = topics.add(topic, key, value, partition=7)
    kept = kept_aside(topics, poison_topic, position)
    assert (kept.key, kept.value, kept.headers["error"]) == (key, value, wrong)


def test_the_partition_moves_on_with_a_greeting_behind_the_poison(world: World, topics: Topics) -> None:
    user = world.create(timezone=world.sky.past("anniversary").timezone)
    partition = partition_of(topics, USER_CHANGED, user)
    for topic in (USER_CHANGED, MESSAGE_DUE, MESSAGE_OUTCOME):
        topics.add(topic, UUID(user["id"]).bytes, _RUBBISH, partition)
    world.patch(user, anniversary=f"2000-{world.sky.past('anniversary').today:%m-%d}")
    world.message(user, "SENT")
    assert {topics.records(topic, user["id"])[-1].position.partition for topic in (MESSAGE_DUE, MESSAGE_OUTCOME)} == {partition}
    assert len(world.provider.greetings(user["email"])) == 1
