"""What the scheduler asks of the outside: the contracts that real adapters and fakes keep."""

from scheduler_service.ports.delivery import (
    Addressee,
    Backlog,
    Claimed,
    Confirmed,
    DueMessage,
    DueTopic,
    Emission,
    Emitted,
    OpenMessage,
    Queued,
    Recovery,
    SettlementPlan,
    SettlementStore,
    local_date,
)
from scheduler_service.ports.jobs import JobRunner, Ticks
from scheduler_service.ports.planning import BasisUnit, Offsets, PlanStore, Queries, ReplanStore, ReplanUnit

__all__ = [
    "Addressee",
    "Backlog",
    "BasisUnit",
    "Claimed",
    "Confirmed",
    "DueMessage",
    "DueTopic",
    "Emission",
    "Emitted",
    "JobRunner",
    "Offsets",
    "OpenMessage",
    "PlanStore",
    "Queries",
    "Queued",
    "Recovery",
    "ReplanStore",
    "ReplanUnit",
    "SettlementPlan",
    "SettlementStore",
    "Ticks",
    "local_date",
]
