"""Values, states and transitions; no I/O, and `now` is an argument."""

from scheduler_service.domain.jobs import JobName, JobRun, JobStatus, RunResult, Unfinished
from scheduler_service.domain.messages import GREETED_DAYS, Message, MessageFilter, Moments, Slot
from scheduler_service.domain.planning import ACCOUNTED_FOR, Basis, DayInstant, Shift, Slice, batches, day_instants, missed_instants
from scheduler_service.domain.recipients import Action, Recipient, Replan, ReplanAction
from scheduler_service.domain.replanning import Change, Known, Question, replan
from scheduler_service.domain.rules import KindRules, PlanRules
from scheduler_service.domain.slots import slot_of, source_of
from scheduler_service.domain.states import OPEN, TRANSITIONS, WAITING, IllegalTransition, Reason, State, Transition, after, allowed

__all__ = [
    "ACCOUNTED_FOR",
    "GREETED_DAYS",
    "OPEN",
    "TRANSITIONS",
    "WAITING",
    "Action",
    "Basis",
    "Change",
    "DayInstant",
    "IllegalTransition",
    "JobName",
    "JobRun",
    "JobStatus",
    "KindRules",
    "Known",
    "Message",
    "MessageFilter",
    "Moments",
    "PlanRules",
    "Question",
    "Reason",
    "Recipient",
    "Replan",
    "ReplanAction",
    "RunResult",
    "Shift",
    "Slice",
    "Slot",
    "State",
    "Transition",
    "Unfinished",
    "after",
    "allowed",
    "batches",
    "day_instants",
    "missed_instants",
    "replan",
    "slot_of",
    "source_of",
]
