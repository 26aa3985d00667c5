"""The plan in memory: fakes that pass the suites of the Postgres adapters."""

from scheduler_service.adapters.memory.emit import emission
from scheduler_service.adapters.memory.outcomes import MemorySettlements
from scheduler_service.adapters.memory.plan import MemoryPlanStore
from scheduler_service.adapters.memory.queries import MemoryQueries
from scheduler_service.adapters.memory.recover import recovery
from scheduler_service.adapters.memory.replan import MemoryReplanStore
from scheduler_service.adapters.memory.tables import Tables
from scheduler_service.adapters.memory.ticks import MemoryTicks

__all__ = [
    "MemoryPlanStore",
    "MemoryQueries",
    "MemoryReplanStore",
    "MemorySettlements",
    "MemoryTicks",
    "Tables",
    "emission",
    "recovery",
]
