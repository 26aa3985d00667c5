"""A user as the protos spell it: for the gRPC edge, for the event, and for what is kept of it in the cache."""

from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from heyday.user.v1 import user_changed_pb2, user_pb2
from occasions.civil import CivilDate, LeapDayRule
from user_service.domain import User
from user_service.profile import Profile


def to_user(user: User) -> user_pb2.User:
    profile = user.profile
    return user_pb2.User(
        id=str(user.id),
        external_id=profile.external_id,
        first_name=profile.first_name,
        last_name=profile.last_name,
        email=profile.email,
        timezone=profile.timezone,
        birthday=str(profile.birthday or ""),
        anniversary=str(profile.anniversary or ""),
        leap_day_rule=profile.leap_day_rule.value,
        locale=profile.locale,
        suppressed_occasions=profile.suppressed_occasions,
        version=user.version,
        create_time=_timestamp(user.created_at),
        update_time=_timestamp(user.updated_at),
        delete_time=_timestamp(user.deleted_at),
    )


def to_snapshot(user: User, epoch: int, traceparent: str = "") -> user_changed_pb2.UserChanged:
    return user_changed_pb2.UserChanged(
        user=to_user(user),
        epoch=epoch,
        change_time=_timestamp(user.updated_at),
        birthday_known_time=_timestamp(user.birthday_known_at),
        anniversary_known_time=_timestamp(user.anniversary_known_at),
        traceparent=traceparent,
    )


def from_snapshot(snapshot: user_changed_pb2.UserChanged) -> User:
    """Return the user of a snapshot that `to_snapshot` made."""
    said = snapshot.user
    return User(
        id=UUID(said.id),
        profile=_profile(said),
        version=said.version,
        created_at=said.create_time.ToDatetime(UTC),
        updated_at=said.update_time.ToDatetime(UTC),
        deleted_at=_instant(said, "delete_time"),
        birthday_known_at=_instant(snapshot, "birthday_known_time"),
        anniversary_known_at=_instant(snapshot, "anniversary_known_time"),
    )


def _profile(said: user_pb2.User) -> Profile:
    return Profile(
        external_id=said.external_id,
        first_name=said.first_name,
        last_name=said.last_name,
        email=said.email,
        timezone=said.timezone,
        birthday=CivilDate.parse(said.birthday) if said.birthday else None,
        anniversary=CivilDate.parse(said.anniversary) if said.anniversary else None,
        leap_day_rule=LeapDayRule(user_pb2.LeapDayRule.Name(said.leap_day_rule)),
        locale=said.locale,
        suppressed_occasions=tuple(said.suppressed_occasions),
    )


def _timestamp(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp


def _instant(message: user_pb2.User | user_changed_pb2.UserChanged, field: str) -> datetime | None:
    timestamp: Timestamp = getattr(message, field)
    return timestamp.ToDatetime(UTC) if message.HasField(field) else None
