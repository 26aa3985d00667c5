"""Messages, and the slot that lets one of a year through."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from occasions.identity import local_date_of
from scheduler_service.domain.states import WAITING, State

# Within so many days of the last one sent of a kind there is no other: 31 December corrected to 1 January is no second birthday.
GREETED_DAYS = 60


@dataclass(frozen=True, slots=True)
class Moments:
    """When a message may be sent: on time at `due_at`, late until `late_until_at`, belated until `expires_at`."""

    due_at: datetime
    late_until_at: datetime
    expires_at: datetime
    timezone: str
    tzdata_version: str
    #: How the local time became an instant, as `occasions.calendar.Rule` names it.
    zone_rule: str

    def same_instants(self, other: "Moments") -> bool:
        return (self.due_at, self.late_until_at, self.expires_at) == (other.due_at, other.late_until_at, other.expires_at)


@dataclass(frozen=True, slots=True)
class Message:
    """One greeting of one user for one kind of occasion on one local date."""

    id: UUID
    user_id: UUID
    kind: str
    local_date: date
    state: State
    #: Grows with each change of the plan; the ledger claims a revision once.
    revision: int
    moments: Moments
    #: When *emit* takes it up: the due instant, or the next attempt's.
    send_at: datetime
    #: The text: chosen when emitted, kept while unsure.
    variant: str = ""
    attempts: int = 0
    replay: int = 0
    #: An attempt may have been accepted by the provider though no answer proves it.
    unsure: bool = False
    #: The revision that an open question to the ledger is about; 0: none is open.
    asked_revision: int = 0
    reason: str = ""
    provider: str = ""
    provider_message_id: str = ""
    sent_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    #: The moments it was planned by before, each by the last revision that it was so: that revision may yet turn out to have been sent.
    moved_from: Mapping[int, Moments] = field(default_factory=dict)

    def moments_of(self, revision: int) -> Moments:
        """The moments by which a revision was planned."""
        return next((moments for last, moments in sorted(self.moved_from.items()) if last >= revision), self.moments)

    def time_has_come(self, now: datetime) -> bool:
        """Whether a record of it may be on its way: *emit* may even have died between producing it and marking it."""
        return self.state is State.QUEUED or (self.state in WAITING and self.send_at <= now)


@dataclass(frozen=True, slots=True)
class Slot:
    """A user's kind of occasion: what planning looks at, and which message holds the year."""

    user_id: UUID
    kind: str
    zone: str
    #: None where the user has no such date (any more).
    month: int | None
    day: int | None
    year: int | None
    leap_day_rule: str
    #: When the date became known; a past instant is planned only if it was known before.
    known_at: datetime | None
    #: Neither deleted nor opted out, and with a date.
    active: bool
    #: The message that holds the year: the last one emitted that was sent, may have been, or is still on its way.
    slot_year: int | None = None
    slot_message_id: UUID | None = None

    def holding(self, year: int | None, message_id: UUID | None) -> "Slot":
        return replace(self, slot_year=year, slot_message_id=message_id)

    def freed_by(self, message_id: UUID) -> "Slot":
        return self.holding(None, None) if self.slot_message_id == message_id else self

    def holder_barring(self, local_date: date, message_id: UUID) -> UUID | None:
        """The other message, if any, because of which none may be sent for the date: of its year, or too near."""
        if self.slot_message_id in (None, message_id):
            return None
        assert self.slot_message_id is not None
        held = local_date_of(self.slot_message_id)
        near = abs((held - local_date).days) < GREETED_DAYS
        return self.slot_message_id if near or held.year >= local_date.year else None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What a list of messages is narrowed to; None: not narrowed."""

    user_id: UUID | None = None
    state: State | None = None
    local_date: date | None = None
    kind: str | None = None
