"""What is known of a scheduled job."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from servicekit.errors import Unavailable


class JobName(StrEnum):
    """The scheduled jobs."""

    PLAN = "plan"
    EMIT = "emit"
    RECOVER = "recover"


class RunResult(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Unfinished(Unavailable):
    """The run broke off."""

    def __init__(self, counts: Mapping[str, int], cause: Unavailable) -> None:
        super().__init__(f"{cause.message} What had been done until then is in the job's lastRun.", metadata=cause.metadata)
        self.counts = counts


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job: of a tick of its schedule, or by hand."""

    tick_at: datetime
    started_at: datetime
    finished_at: datetime | None
    result: RunResult
    counts: Mapping[str, int]
    error: str
    manual: bool


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job, its last run and its next."""

    id: str
    enabled: bool
    #: Cron, in UTC.
    schedule: str
    next_run_at: datetime | None
    last_run: JobRun | None
