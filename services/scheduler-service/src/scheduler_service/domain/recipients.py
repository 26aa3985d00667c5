"""Users as the scheduler knows them, and what a change of one does to the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Recipient:
    """A user's snapshot. Of two the one with the higher (epoch, version) is the newer; an erased one beats any."""

    user_id: UUID
    epoch: int
    version: int
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    locale: str = "en"
    timezone: str = ""
    #: Raw dates, "1990-12-30" or "--12-30", by the name of the field; absent where there is none.
    dates: Mapping[str, str] = field(default_factory=dict)
    #: When each date got its present value.
    known_at: Mapping[str, datetime] = field(default_factory=dict)
    leap_day_rule: str = "FEB_28"
    #: The kinds of occasion the user does not want to hear of.
    suppressed: frozenset[str] = frozenset()
    deleted: bool = False
    erased: bool = False

    def newer_than(self, other: "Recipient | None") -> bool:
        if other is None or other.erased:
            return other is None
        return self.erased or (self.epoch, self.version) > (other.epoch, other.version)


class Action(StrEnum):
    """What a change of a user does to one message."""

    PLANNED = "planned"
    MOVED = "moved"
    CANCELLED = "cancelled"
    RECALLED = "recalled"
    SUPPRESSED = "suppressed"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class ReplanAction:
    """What was done to one message."""

    message_id: UUID
    kind: str
    local_date: date
    action: Action
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Replan:
    """What one change of a user did to their messages."""

    user_id: UUID
    epoch: int
    version: int
    replanned_at: datetime
    actions: Sequence[ReplanAction] = ()
    errors: Sequence[str] = ()

    def count(self, *actions: Action) -> int:
        return sum(done.action in actions for done in self.actions)
