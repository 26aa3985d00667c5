"""Values, states and transitions; no I/O, and `now` is an argument."""

from scheduler_service.domain.jobs import JobName, JobRun, JobStatus, RunResult
from scheduler_service.domain.messages import Message, MessageFilter, Moments, Slot
from scheduler_service.domain.recipients import Action, Recipient, Replan, ReplanAction
from scheduler_service.domain.states import OPEN, TRANSITIONS, WAITING, IllegalTransition, Reason, State, Transition, after, allowed

__all__ = [
    "OPEN",
    "TRANSITIONS",
    "WAITING",
    "Action",
    "IllegalTransition",
    "JobName",
    "JobRun",
    "JobStatus",
    "Message",
    "MessageFilter",
    "Moments",
    "Reason",
    "Recipient",
    "Replan",
    "ReplanAction",
    "RunResult",
    "Slot",
    "State",
    "Transition",
    "after",
    "allowed",
]
