"""The steady state, read from the provider alone, so that it can be read while everything else is down."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from resilience.campaign import Campaign


@dataclass(frozen=True)
class Steady:
    """Due minus sent, lateness and doubles at one moment."""

    due: int
    sent: int
    latest_seconds: float
    doubled: int

    def __str__(self) -> str:
        late = f"the latest came {self.latest_seconds:.1f} s late" if self.sent else "none has come"
        return f"{self.due - self.sent} of {self.due} due are not sent, {late}, {self.doubled} doubled"


def look(campaign: Campaign, due_at: Mapping[UUID, datetime]) -> Steady:
    """How it stands with these messages."""
    now = time.time()
    received = json.loads(campaign.get(f"{campaign.mesh.provider_url}/received"))["received"]
    letters = {UUID(letter["key"]): letter for letter in received if letter["greetings"] and UUID(letter["key"]) in due_at}
    late = [letter["accepted_at"][0] - due_at[key].timestamp() for key, letter in letters.items()]
    return Steady(
        due=sum(at.timestamp() <= now for at in due_at.values()),
        sent=len(letters),
        latest_seconds=max(late, default=0.0),
        doubled=sum(letter["greetings"] > 1 for letter in letters.values()),
    )
