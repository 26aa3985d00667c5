from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from uuid import UUID

from occasions.civil import LEAP_DAY, CivilDate
from servicekit.errors import Aborted, AlreadyExists, FailedPrecondition, FieldViolation, InvalidArgument, NotFound
from user_service.profile import Profile


class UserNotFound(NotFound):
    """There is no user of this id."""


class UserDeleted(FailedPrecondition):
    """The user is deleted: restore it first."""


class StaleVersion(Aborted):
    """The user has changed meanwhile: read it again and repeat the change."""


class EmailTaken(AlreadyExists):
    """Another user has this email."""

    def __init__(self) -> None:
        super().__init__(fields=("email",))


class ExternalIdTaken(AlreadyExists):
    """Another user has this external id."""

    def __init__(self) -> None:
        super().__init__(fields=("externalId",))


class EmailAndExternalIdTaken(AlreadyExists):
    """Other users have this email and this external id."""

    def __init__(self) -> None:
        super().__init__(fields=("email", "externalId"))


class RequestIdReused(InvalidArgument):
    """This request id was used for another request: choose a new one."""

    def __init__(self) -> None:
        super().__init__([FieldViolation("requestId", self.__doc__ or "")])


@dataclass(frozen=True, slots=True)
class User:
    """A person who is greeted, at one version."""

    id: UUID
    profile: Profile
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    #: When the day of the date became known; a greeting is never made up for a day that was known only later.
    birthday_known_at: datetime | None = None
    anniversary_known_at: datetime | None = None

    @classmethod
    def create(cls, user_id: UUID, profile: Profile, now: datetime) -> Self:
        known_at = (now if profile.birthday else None, now if profile.anniversary else None)
        return cls(user_id, profile, 1, now, now, None, *known_at)

    def expect(self, version: int) -> None:
        """Raise StaleVersion unless the caller knows this version, or (0) does not care."""
        if version not in (0, self.version):
            raise StaleVersion(
                f"The user is at version {self.version}, not {version}: read it again and repeat the change.",
                metadata={"version": str(self.version)},
            )

    def changed(self, profile: Profile, now: datetime) -> Self:
        """Return the next version with another profile; this one if nothing changes. Raises UserDeleted."""
        if self.deleted_at is not None:
            raise UserDeleted
        if profile == self.profile:
            return self
        return replace(
            self,
            profile=profile,
            version=self.version + 1,
            updated_at=now,
            birthday_known_at=self._known_at("birthday", profile, now),
            anniversary_known_at=self._known_at("anniversary", profile, now),
        )

    def deleted(self, now: datetime) -> Self:
        """Return the next version, deleted; this one if it is."""
        if self.deleted_at is not None:
            return self
        return replace(self, version=self.version + 1, updated_at=now, deleted_at=now)

    def restored(self, now: datetime) -> Self:
        """Return the next version, not deleted; this one if it is not.

        Its dates count as known from now on: what fell into the time of its deletion is not made up for.
        """
        if self.deleted_at is None:
            return self
        return replace(
            self,
            version=self.version + 1,
            updated_at=now,
            deleted_at=None,
            birthday_known_at=self.birthday_known_at and now,
            anniversary_known_at=self.anniversary_known_at and now,
        )

    def _known_at(self, name: str, profile: Profile, now: datetime) -> datetime | None:
        after = profile.dates.get(name)
        if after is None:
            return None
        before = self.profile.dates.get(name)
        # A corrected year leaves the day as it was: today's greeting still goes out, with the new age.
        same_day = before is not None and _observance(before, self.profile) == _observance(after, profile)
        known_at: datetime | None = getattr(self, f"{name}_known_at")
        return known_at if same_day else now


def _observance(value: CivilDate, profile: Profile) -> tuple[object, ...]:
    day = (value.month, value.day)
    return (*day, profile.leap_day_rule) if day == LEAP_DAY else day
