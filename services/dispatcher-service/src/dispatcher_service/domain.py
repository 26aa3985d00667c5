"""Letters, what a provider answers, and what becomes of one message."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

DETAIL_LONGEST = 500
_ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")


class Verdict(StrEnum):
    """What is known about a message after a call, or instead of one."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # nothing was taken in; another try may succeed
    PERMANENT = "permanent"  # nothing was taken in, and another try is pointless
    UNSURE = "unsure"  # it may have been taken in
    NOT_TRIED = "not_tried"  # no call was made


class CannotCompose(Exception):
    """No letter can be made of the message; `reason` is a short code."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(detail or reason)


# Not frozen, or it would cost four times as much to make; one is made for each message, as of what follows.
@dataclass(slots=True)
class Due:
    """One message to send; `index` is its position in the slice it came in. Never changed."""

    index: int
    id: UUID
    kind: str
    variant: str
    email: str
    first_name: str
    last_name: str
    locale: str
    years: int  # 0: unknown or not counted


class Letter(NamedTuple):
    """A composed message. `key` is the same for every try of the same message, and for no other."""

    key: str
    email: str
    subject: str  # one line
    text: str
    html: str = ""  # empty: none
    sender: str = ""  # empty: the provider's own
    reply_to: str = ""


class Answer(NamedTuple):
    """What one call to the provider, or the want of one, tells."""

    verdict: Verdict
    reason: str = ""
    detail: str = ""
    provider_message_id: str = ""
    #: For how long the provider asks for no further call, of any message.
    pause_seconds: float = 0
    #: Whether the provider itself seems to be in trouble, rather than this message.
    failing: bool = False


@dataclass(slots=True)
class Result:
    """What became of one message of a slice. Never changed."""

    index: int
    kind: str
    verdict: Verdict
    provider: str = ""
    provider_message_id: str = ""
    reason: str = ""
    detail: str = ""
    call_count: int = 0
    dispatched_at: datetime | None = None
    responded_at: datetime | None = None
    retry_after_seconds: float = 0
    #: Some call may have been taken in though no answer proves it, whatever the verdict.
    unsure: bool = False


def without_personal_data(detail: str, *secrets: str) -> str:
    """What a provider says, fit for storing and logging: on one line, cut, without addresses and without `secrets` (names)."""
    clean = _ADDRESS.sub("[address]", " ".join(detail.split()))
    for secret in secrets:
        if len(secret) > 1:
            clean = clean.replace(secret, "[name]")
    return clean[:DETAIL_LONGEST]
