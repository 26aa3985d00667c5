from collections.abc import Callable
from datetime import timedelta

import pytest

from user_service.domain import StaleVersion, User, UserDeleted
from user_service.profile import Profile

MakeUser = Callable[..., User]
MakeProfile = Callable[..., Profile]

HOUR = timedelta(hours=1)

KNOWN_SINCE: dict[str, tuple[dict[str, str], dict[str, str], str | None]] = {
    "another name": ({}, {"first_name": "Grace"}, "creation"),
    "another zone": ({}, {"timezone": "Asia/Tokyo"}, "creation"),
    "another year": ({}, {"birthday": "1991-12-10"}, "creation"),
    "the year told": ({"birthday": "--12-10"}, {"birthday": "1990-12-10"}, "creation"),
    "another day": ({}, {"birthday": "1990-12-11"}, "change"),
    "given later": ({"birthday": ""}, {"birthday": "1990-12-10"}, "change"),
    "taken away": ({}, {"birthday": ""}, None),
    "another rule for 29 February": ({"birthday": "1992-02-29"}, {"birthday": "1992-02-29", "leap_day_rule": "MAR_1"}, "change"),
    "another rule for another day": ({}, {"leap_day_rule": "MAR_1"}, "creation"),
}


@pytest.mark.parametrize(("first", "then", "since"), KNOWN_SINCE.values(), ids=KNOWN_SINCE)
def test_since_when_a_birthday_is_known(
    new_user: MakeUser, profile: MakeProfile, first: dict[str, str], then: dict[str, str], since: str | None
) -> None:
    user = new_user(**first)
    at = {"creation": user.created_at, "change": user.created_at + HOUR, None: None}
    assert user.changed(profile(**then), user.created_at + HOUR).birthday_known_at == at[since]


def test_dates_are_known_one_by_one(new_user: MakeUser, profile: MakeProfile) -> None:
    user = new_user(anniversary="2015-03-01")
    changed = user.changed(profile(anniversary="2015-03-02"), user.created_at + HOUR)
    assert (changed.birthday_known_at, changed.anniversary_known_at) == (user.created_at, user.created_at + HOUR)


def test_a_change_is_the_next_version(new_user: MakeUser, profile: MakeProfile) -> None:
    user = new_user()
    changed = user.changed(profile(), user.created_at + HOUR)
    assert (changed.version, changed.updated_at, changed.created_at) == (2, user.created_at + HOUR, user.created_at)


def test_no_change_is_no_version(new_user: MakeUser) -> None:
    user = new_user()
    assert user.changed(user.profile, user.created_at + HOUR) is user


def test_a_deleted_user_is_not_changed(new_user: MakeUser, profile: MakeProfile) -> None:
    deleted = new_user().deleted(new_user().created_at + HOUR)
    with pytest.raises(UserDeleted, match="The user is deleted: restore it first"):
        deleted.changed(profile(), deleted.updated_at)


def test_deleting_twice_changes_nothing(new_user: MakeUser) -> None:
    user = new_user()
    deleted = user.deleted(user.created_at + HOUR)
    assert (deleted.version, deleted.deleted_at) == (2, user.created_at + HOUR)
    assert deleted.deleted(user.created_at + 2 * HOUR) is deleted


def test_a_restored_user_makes_up_for_nothing_missed_meanwhile(new_user: MakeUser) -> None:
    user = new_user()
    restored = user.deleted(user.created_at + HOUR).restored(user.created_at + 2 * HOUR)
    assert (restored.version, restored.deleted_at) == (3, None)
    assert (restored.birthday_known_at, restored.anniversary_known_at) == (user.created_at + 2 * HOUR, None)


def test_restoring_a_user_that_is_not_deleted_changes_nothing(new_user: MakeUser) -> None:
    user = new_user()
    assert user.restored(user.created_at + HOUR) is user


def test_a_stale_version_says_the_present_one(new_user: MakeUser) -> None:
    with pytest.raises(StaleVersion, match="The user is at version 1, not 3: read it again and repeat the change") as raised:
        new_user().expect(3)
    assert raised.value.metadata == {"version": "1"}


def test_version_0_is_any(new_user: MakeUser) -> None:
    new_user().expect(0)
