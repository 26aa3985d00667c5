"""Every metric of the service, named and explained once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from servicekit import clock

_JOB_RUNS = Counter("scheduler_job_runs", "Runs of a job that ended, by how.", ["job", "result"])
_JOB_SECONDS = Histogram("scheduler_job_seconds", "Time a run of a job took.", ["job"], buckets=(0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1800))
_JOB_LAST_SUCCESS = Gauge("scheduler_job_last_success_timestamp_seconds", "When a job last ended well, in Unix seconds.", ["job"])

EMITTED = Counter("scheduler_messages_emitted", "Messages produced to the due topic and marked QUEUED.")
SETTLED = Counter("scheduler_outcomes_settled", "Outcomes that changed a message's state, by what happened to it.", ["transition"])
STALE = Counter("scheduler_outcomes_stale", "Outcomes that changed no state: repeated, of an older revision, or an answer only.")
UNKNOWN = Counter("scheduler_outcomes_unknown", "Outcomes of messages that are not in the plan.")
LATENESS_SECONDS = Histogram(
    "scheduler_lateness_seconds",
    "From the due instant to the provider's acceptance.",
    ["kind"],
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43200, 172800),
)


@contextmanager
def job_run(job: str) -> Iterator[None]:
    """Measure one run of a job."""
    began = clock.perf_counter()
    try:
        yield
    except BaseException:
        _JOB_RUNS.labels(job, "failed").inc()
        raise
    finally:
        _JOB_SECONDS.labels(job).observe(clock.perf_counter() - began)
    _JOB_RUNS.labels(job, "succeeded").inc()
    _JOB_LAST_SUCCESS.labels(job).set(clock.unix_seconds())


SENT = Counter("scheduler_messages_sent", "Messages sent, by kind and whether on time by the setting or later.", ["kind", "timeliness"])
CHANGES = Counter("scheduler_user_changes", "Snapshots of users taken in, by whether they were newer.", ["result"])
REPLANNED = Counter("scheduler_replan_actions", "What changes of users did to messages.", ["action"])
REPLAN_ERRORS = Counter("scheduler_replan_errors", "Kinds that could not be planned for a user: a zone or date not known here.")
PLANNED = Counter("scheduler_messages_planned", "Messages planned by *plan* and *recover*.")
MOVED = Counter("scheduler_messages_moved", "Messages moved by newer rules: tzdata, send times, budgets.")
STOOD_BACK = Gauge("scheduler_plan_stands_back", "1 while this replica's rules are older than the plan's.")
DEFAULT_PARTITION_ROWS = Gauge("scheduler_default_partition_rows", "Messages that no month's partition was made for; any is an alert.")
REFUSED = Counter("scheduler_transitions_refused", "Changes that a message's state does not allow, and were not made.", ["transition"])
TZDATA = Gauge("scheduler_tzdata", "1, labelled with the version of the time-zone rules.", ["version"])


def late(kind: str, lateness: Sequence[float], on_time: float) -> None:
    """Measure messages of one kind that were sent: their lateness in seconds, and how many kept to what is on time."""
    observe = LATENESS_SECONDS.labels(kind).observe
    for seconds in lateness:
        observe(seconds)
    punctual = sum(seconds <= on_time for seconds in lateness)
    SENT.labels(kind, "on_time").inc(punctual)
    SENT.labels(kind, "late").inc(len(lateness) - punctual)
