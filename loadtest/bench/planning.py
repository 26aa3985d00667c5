"""Planning of a day's birthdays, and planning them again, out of more people than have one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import crowd
from bench.meter import Cost, Meter
from bench.stage import Stage

#: People whose birthday is on another day, for each that has one; but no more than this many in all.
_OTHERS = 9
_MOST_OTHERS = 1_000_000
_DAYS = 300


@dataclass
class PlanRun:
    """One *plan* of so many birthdays, and one more. The scheduler's own duration of the run."""

    birthdays: int
    people: int
    seconds: float
    again_seconds: float
    cost: Cost
    again_cost: Cost


def run(stage: Stage, birthdays: int) -> PlanRun:
    """Raises AssertionError if *plan* does not plan them all, once."""
    stage.clear()
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    others = min(_OTHERS * birthdays, _MOST_OTHERS)
    with stage.scheduler() as connection:
        crowd.populate(connection, birthdays, tomorrow, 1)
        crowd.populate(connection, others, tomorrow + timedelta(days=10), _DAYS)
    with stage.owner() as connection:
        connection.execute("VACUUM ANALYZE scheduler.occasions")
        connection.execute("CHECKPOINT")
    seconds, cost = _plan(stage, birthdays)
    again_seconds, again_cost = _plan(stage, 0)
    with stage.scheduler() as connection:
        row: Any = connection.execute("SELECT count(*) FROM messages WHERE state = 'SCHEDULED'").fetchone()
    if row[0] != birthdays:
        raise AssertionError(f"{row[0]} of {birthdays} birthdays are planned")
    return PlanRun(birthdays, birthdays + others, seconds, again_seconds, cost, again_cost)


def _plan(stage: Stage, expected: int) -> tuple[float, Cost]:
    meter = Meter(stage.mesh)
    job = stage.run_job("plan")
    if job.last_run.counts["planned"] != expected:
        raise AssertionError(f"{job.last_run.counts['planned']} messages were planned, not {expected}: {job.last_run.error}")
    return job.last_run.duration_seconds, meter.read()
