"""Every change of a user leaves as one event, in order."""

import pytest

from e2e.topics import USER_CHANGED, Topics
from e2e.world import World, eventually
from heyday.user.v1.user_changed_pb2 import UserChanged


@pytest.fixture(scope="module")
def topics(world: World) -> Topics:
    return Topics(world.mesh.kafka.bootstrap_servers)


def events(topics: Topics, user_id: str, count: int) -> list[UserChanged]:
    """The user's events, once there are so many."""
    found = eventually(lambda: seen if len(seen := topics.records(USER_CHANGED, user_id)) >= count else None, f"{count} events")
    return [UserChanged.FromString(record.value) for record in found]


def test_each_change_is_one_event_in_the_order_of_the_versions(world: World, topics: Topics) -> None:
    user = world.create(birthday="1990-12-30")
    for locale in ("nb", "de", "fr", "es", "pt"):
        world.patch(user, locale=locale)
    world.delete(user)
    restored = world.restore(user)
    told = events(topics, user["id"], 8)
    assert [event.user.version for event in told] == list(range(1, 9))
    assert told[-1].user.locale == restored["locale"] == "pt"
    assert [event.user.HasField("delete_time") for event in told] == [False] * 6 + [True, False]


def test_what_changes_nothing_is_no_event(world: World, topics: Topics) -> None:
    user = world.create()
    world.patch(user, email=user["email"])
    world.patch(user, locale="nb")
    assert [event.user.version for event in events(topics, user["id"], 2)] == [1, 2]


def test_an_event_is_a_whole_snapshot(world: World, topics: Topics) -> None:
    user = world.create(birthday="1990-12-30", anniversary="--03-01", externalId="snapshot-1")
    [event] = events(topics, user["id"], 1)
    told = event.user
    assert (told.email, told.external_id, told.birthday, told.anniversary) == (user["email"], "snapshot-1", "1990-12-30", "--03-01")
    assert event.birthday_known_time.ToDatetime() == told.create_time.ToDatetime()
