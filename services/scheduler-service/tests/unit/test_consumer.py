from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.user.v1.user_changed_pb2 import UserChanged
from heyday.user.v1.user_pb2 import LeapDayRule, User
from scheduler_service.consumer import message_outcome, user_changed
from scheduler_service.outcomes import Result
from scheduler_service.testing import ADA, DAY
from servicekit.kafka import Unreadable


def stamp(at: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(at)
    return found


def event(**changes: Any) -> UserChanged:
    user = User(
        id=str(ADA),
        first_name="Ada",
        last_name="Lovelace",
        email="ada@example.org",
        timezone="Europe/Berlin",
        birthday="1990-03-10",
        leap_day_rule=LeapDayRule.MAR_1,
        suppressed_occasions=["anniversary"],
        version=4,
    )
    return UserChanged(user=user, epoch=2, change_time=stamp(DAY), birthday_known_time=stamp(DAY - timedelta(days=1)), **changes)


class TestParsing:
    def test_a_snapshot_is_a_recipient(self) -> None:
        ada = user_changed(event().SerializeToString())
        assert (ada.user_id, ada.epoch, ada.version, ada.locale) == (ADA, 2, 4, "en")
        assert (ada.dates, ada.known_at) == ({"birthday": "1990-03-10"}, {"birthday": DAY - timedelta(days=1)})
        assert (ada.leap_day_rule, ada.suppressed, ada.deleted, ada.erased) == ("MAR_1", frozenset({"anniversary"}), False, False)

    def test_a_deleted_one_has_a_delete_time(self) -> None:
        deleted = event()
        deleted.user.delete_time.CopyFrom(stamp(DAY))
        assert user_changed(deleted.SerializeToString()).deleted

    def test_an_erased_one_is_a_stub(self) -> None:
        stub = user_changed(UserChanged(user=User(id=str(ADA), version=9), epoch=2, erased=True).SerializeToString())
        assert (stub.erased, stub.deleted, stub.email, stub.dates, stub.version) == (True, True, "", {}, 9)

    def test_a_date_without_its_knowing_counts_from_the_change(self) -> None:
        bare = event()
        bare.ClearField("birthday_known_time")
        assert user_changed(bare.SerializeToString()).known_at == {"birthday": DAY}

    def test_the_default_rule_for_leap_days(self) -> None:
        bare = event()
        bare.user.ClearField("leap_day_rule")
        assert user_changed(bare.SerializeToString()).leap_day_rule == "FEB_28"

    def test_an_outcome(self) -> None:
        record = MessageOutcome(
            id=UUID(int=5).bytes,
            revision=3,
            user_id=ADA.bytes,
            result=MessageOutcome.RETRY,
            attempt=2,
            next_attempt_time=stamp(DAY),
            reason="http_503",
        )
        outcome = message_outcome(record.SerializeToString())
        assert (outcome.message_id, outcome.revision, outcome.result, outcome.attempt) == (UUID(int=5), 3, Result.RETRY, 2)
        assert (outcome.next_attempt_at, outcome.sent_at, outcome.reason) == (DAY.replace(tzinfo=UTC), None, "http_503")

    @pytest.mark.parametrize(
        "value",
        [
            b"\xff\xff",
            b"",
            UserChanged(user=User(id="ada")).SerializeToString(),
            UserChanged(user=User(id=str(ADA), birthday="1990-02-30")).SerializeToString(),
        ],
        ids=["no proto", "empty", "no id", "no date"],
    )
    def test_what_is_no_snapshot_is_unreadable(self, value: bytes) -> None:
        with pytest.raises(Unreadable, match="not a readable snapshot of a user"):
            user_changed(value)

    @pytest.mark.parametrize("name", ["email", "first_name", "last_name", "locale", "timezone"])
    def test_a_null_character_in_a_snapshot_is_unreadable(self, name: str) -> None:
        poisoned = event()
        setattr(poisoned.user, name, "a\0b")
        with pytest.raises(Unreadable, match="a null character"):
            user_changed(poisoned.SerializeToString())

    @pytest.mark.parametrize("name", ["provider", "provider_message_id", "variant", "reason"])
    def test_a_null_character_in_an_outcome_is_unreadable(self, name: str) -> None:
        poisoned = MessageOutcome(id=ADA.bytes, revision=1, result=MessageOutcome.SENT)
        setattr(poisoned, name, "a\0b")
        with pytest.raises(Unreadable, match="a null character"):
            message_outcome(poisoned.SerializeToString())

    @pytest.mark.parametrize(
        "value",
        [
            b"\xff",
            MessageOutcome(id=b"short", result=MessageOutcome.SENT).SerializeToString(),
            MessageOutcome(id=ADA.bytes).SerializeToString(),
        ],
        ids=["no proto", "no id", "no result"],
    )
    def test_what_is_no_outcome_is_unreadable(self, value: bytes) -> None:
        with pytest.raises(Unreadable, match="not a readable MessageOutcome"):
            message_outcome(value)
