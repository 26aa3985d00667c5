"""The tables of the schema `users`, as the migrations make them; their indices are only there."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, DateTime, Integer, LargeBinary, MetaData, Row, SmallInteger, Table, Text, Uuid

from occasions.civil import CivilDate, LeapDayRule
from user_service.domain import User
from user_service.profile import Profile
from user_service.text import email_key

Instant = DateTime(timezone=True)
metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("external_id", Text),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("birthday", Text),
    Column("anniversary", Text),
    Column("leap_day_rule", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("suppressed_occasions", ARRAY(Text), nullable=False),
    Column("birthday_known_at", Instant),
    Column("anniversary_known_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("deleted_at", Instant),
)

requests = Table(
    "requests",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("snapshot", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

cache_generation = Table(
    "cache_generation",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("generation", Integer, nullable=False),
)


def to_row(user: User) -> dict[str, Any]:
    profile = user.profile
    return {
        "id": user.id,
        "version": user.version,
        "external_id": profile.external_id or None,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "email": profile.email,
        "email_key": email_key(profile.email),
        "timezone": profile.timezone,
        "birthday": _written(profile.birthday),
        "anniversary": _written(profile.anniversary),
        "leap_day_rule": profile.leap_day_rule.value,
        "locale": profile.locale,
        "suppressed_occasions": list(profile.suppressed_occasions),
        "birthday_known_at": user.birthday_known_at,
        "anniversary_known_at": user.anniversary_known_at,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "deleted_at": user.deleted_at,
    }


def to_user(row: Row[Any]) -> User:
    profile = Profile(
        external_id=row.external_id or "",
        first_name=row.first_name,
        last_name=row.last_name,
        email=row.email,
        timezone=row.timezone,
        birthday=_read(row.birthday),
        anniversary=_read(row.anniversary),
        leap_day_rule=LeapDayRule(row.leap_day_rule),
        locale=row.locale,
        suppressed_occasions=tuple(row.suppressed_occasions),
    )
    user_id: UUID = row.id
    instants: list[datetime | None] = [row.deleted_at, row.birthday_known_at, row.anniversary_known_at]
    return User(user_id, profile, row.version, row.created_at, row.updated_at, *instants)


def _written(value: CivilDate | None) -> str | None:
    return None if value is None else str(value)


def _read(written: str | None) -> CivilDate | None:
    return None if written is None else CivilDate.parse(written)
