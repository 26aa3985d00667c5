"""Greetings that come due while the suite runs: the people are made at its start, and looked at in its end."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from occasions import zones

if TYPE_CHECKING:
    from e2e.world import World

_PLAUSIBLE_HOURS = range(7, 22)
_PEOPLE = 5


@dataclass
class Appointment:
    """An instant, the local time it has in some zones, and the people of those zones whose birthday is today."""

    due_at: datetime
    local_time: time
    timezones: list[str]
    invited: list[dict[str, Any]] = field(default_factory=list)

    def invite(self, world: "World") -> None:
        """Creates the people; they must all be there before the time."""
        for timezone in self.timezones[:_PEOPLE]:
            today = self.due_at.astimezone(zones.zone(timezone)).date()
            self.invited.append(world.create(timezone=timezone, birthday=f"--{today:%m-%d}"))
        assert datetime.now(UTC) < self.due_at, "This machine took too long to start the services: run the tests again."


def make_appointment(at: datetime) -> Appointment:
    """An appointment at an instant, to the second, at the time of day that most zones have then at a plausible hour."""
    due_at = at.replace(microsecond=0)
    by_time: dict[time, list[str]] = {}
    for name in zones.stored():
        local = due_at.astimezone(zones.zone(name)).time()
        if local.hour in _PLAUSIBLE_HOURS:
            by_time.setdefault(local, []).append(name)
    local_time = max(by_time, key=lambda each: len(by_time[each]))
    return Appointment(due_at, local_time, by_time[local_time])
