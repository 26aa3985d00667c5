"""The steady state, read from the provider alone, so that it can be read while everything else is down."""

import json
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from resilience.campaign import Campaign

#: How late a greeting may be while nothing is wrong, or nothing that delivery needs. A burst takes some two seconds on two cores
#: that nobody else uses, and more where other tests run beside it.
CALM_SECONDS = 10.0


@dataclass(frozen=True)
class Steady:
    """Due minus sent, lateness and doubles up to one moment."""

    due: int
    sent: int
    #: The most that were due and not sent at once; to be printed, for lateness bounds it.
    most_waiting: int
    #: How late the latest came, or is by now.
    latest_seconds: float
    doubled: int

    def __str__(self) -> str:
        late = f"at most {self.most_waiting} were, the latest is {self.latest_seconds:.1f} s late"
        return f"{self.due - self.sent} of {self.due} due are not sent, {late}, {self.doubled} doubled"


def look(campaign: Campaign, due_at: Mapping[UUID, datetime], until: datetime | None = None) -> Steady:
    """How it stands with these messages, or stood at a moment that is past: the provider knows when it took in what."""
    now = until.timestamp() if until else time.time()
    letters = json.loads(campaign.get(f"{campaign.mesh.provider_url}/received"))["received"]
    accepted_at = {UUID(letter["key"]): [at for at in letter["accepted_at"] if at <= now] for letter in letters}
    ours = {key: accepted_at.get(key, []) for key in due_at}
    due = sorted(at.timestamp() for at in due_at.values() if at.timestamp() <= now)
    sent = sorted(accepted[0] for accepted in ours.values() if accepted)
    late = [min([*ours[key], now]) - at.timestamp() for key, at in due_at.items()]
    return Steady(
        due=len(due),
        sent=len(sent),
        most_waiting=max((bisect_right(due, at) - bisect_right(sent, at) for at in due), default=0),
        latest_seconds=max([0.0, *late]),
        doubled=sum(len(accepted) > 1 for accepted in ours.values()),
    )


def check(campaign: Campaign, when: str, due_at: Mapping[UUID, datetime], late_seconds: float) -> None:
    """All of these are due, and have come, each once, and none so late."""
    steady = look(campaign, due_at)
    said = f"{when}: {steady}"
    print(said)
    assert steady.due == steady.sent == len(due_at), said
    assert steady.doubled == 0, said
    assert steady.latest_seconds < late_seconds, f"{said}, and {late_seconds:g} s are allowed"
