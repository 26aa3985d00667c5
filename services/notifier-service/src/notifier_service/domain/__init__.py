"""Values, verdicts and conclusions; no I/O, and `now` is an argument."""

from notifier_service.domain.claims import Judgement, Verdict, cancel, judge
from notifier_service.domain.conclusions import Conclusion, backoff_us, conclude
from notifier_service.domain.values import (
    DECIDED,
    Attempt,
    Cancellation,
    DeadLetter,
    Due,
    Entry,
    Outcome,
    Reason,
    Result,
    State,
    Terms,
    Tried,
    content_digest,
    outcome_of,
)

__all__ = [
    "DECIDED",
    "Attempt",
    "Cancellation",
    "Conclusion",
    "DeadLetter",
    "Due",
    "Entry",
    "Judgement",
    "Outcome",
    "Reason",
    "Result",
    "State",
    "Terms",
    "Tried",
    "Verdict",
    "backoff_us",
    "cancel",
    "conclude",
    "content_digest",
    "judge",
    "outcome_of",
]
