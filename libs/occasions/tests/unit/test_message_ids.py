from datetime import date
from uuid import RFC_4122, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occasions.identity import InvalidMessageId, local_date_of, message_id

users = st.uuids()
kinds = st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True)
days = st.dates()
ANNA = UUID("0197f0c0-0000-7000-8000-000000000001")


@pytest.mark.vectors("message_ids.csv")
def test_pinned(row: dict[str, str]) -> None:
    local_date = date.fromisoformat(row["local_date"])
    assert str(message_id(UUID(row["user_id"]), row["kind"], local_date)) == row["message_id"]
    assert local_date_of(UUID(row["message_id"])) == local_date


@given(users, kinds, days)
def test_the_date_comes_back_and_the_id_stays(user: UUID, kind: str, day: date) -> None:
    found = message_id(user, kind, day)
    assert local_date_of(found) == day
    assert (found.version, found.variant) == (8, RFC_4122)
    assert found == message_id(user, kind, day)


@given(users, users, kinds, kinds, days, days)
def test_what_differs_in_anything_has_another_id(user: UUID, user2: UUID, kind: str, kind2: str, day: date, day2: date) -> None:
    same = (user, kind, day) == (user2, kind2, day2)
    assert (message_id(user, kind, day) == message_id(user2, kind2, day2)) is same


@given(users, kinds, days, days)
def test_ids_are_ordered_by_their_dates(user: UUID, kind: str, day: date, day2: date) -> None:
    if day < day2:
        assert message_id(user, kind, day) < message_id(user, kind, day2)


def test_a_hundred_thousand_messages_of_one_day_do_not_collide() -> None:
    day = date(2026, 1, 1)
    assert len({message_id(UUID(int=n), "birthday", day) for n in range(100_000)}) == 100_000


@pytest.mark.parametrize("foreign", [UUID(int=0), UUID(int=2**128 - 1), ANNA, uuid5(ANNA, "x")], ids=str)
def test_a_foreign_id_is_refused(foreign: UUID) -> None:
    with pytest.raises(InvalidMessageId) as refusal:
        local_date_of(foreign)
    assert (
        str(refusal.value) == f"{foreign} is not the id of a message: one starts with a date, as 20260314-....-8...-8...-............ does"
    )


@pytest.mark.parametrize(
    "text",
    [
        "20261330-c284-8e7e-8c91-bb304d6f2f90",  # month 13
        "20260230-c284-8e7e-8c91-bb304d6f2f90",  # 30 February
        "00001230-c284-8e7e-8c91-bb304d6f2f90",  # year 0
        "2026123a-c284-8e7e-8c91-bb304d6f2f90",
        "20261230-c284-7e7e-8c91-bb304d6f2f90",  # version 7
        "20261230-c284-8e7e-9c91-bb304d6f2f90",  # the variant is right, and is never ours
    ],
)
def test_an_id_that_only_looks_like_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidMessageId, match=text):
        local_date_of(UUID(text))
