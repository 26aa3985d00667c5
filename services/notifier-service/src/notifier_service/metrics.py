"""Every metric of the service."""

from prometheus_client import Counter, Gauge, Histogram

from notifier_service.domain import State, Tried, Verdict

_verdicts = Counter("notifier_verdicts_total", "Records by what the ledger said to them.", ["verdict"])
_results = Counter("notifier_dispatch_results_total", "Messages by how their dispatch ended.", ["result"])
_outcomes = Counter("notifier_outcomes_total", "Outcomes told to the scheduler, again ones included.", ["result"])

# Bound once: a label look-up for each message would cost more than the count.
VERDICTS = {verdict: _verdicts.labels(verdict.value) for verdict in Verdict}
RESULTS = {tried: _results.labels(tried.value) for tried in Tried}
OUTCOMES = {state: _outcomes.labels(state.value) for state in State}

RECORDS = Counter("notifier_due_records_total", "Records read from the due topic.")
HINT_HITS = Counter("notifier_hint_hits_total", "Records recognised as sent by Redis, without a look into the ledger.")
CANCELS_ANSWERED = Counter("notifier_cancels_answered_total", "Cancels that were answered at once.")
CANCELS_SILENT = Counter("notifier_cancels_silent_total", "Cancels that found a live claim: the result of the sending answers them.")
STEPS_REPEATED = Counter("notifier_steps_repeated_total", "Steps repeated because Postgres or Kafka did not take part.")
IN_FLIGHT = Gauge("notifier_records_in_flight", "Records taken in and not done.")
PARKED = Gauge("notifier_records_parked", "Records that wait for another's claim to end or for their time to come.")
HELD = Gauge("notifier_records_held", "Records that were not tried because the dispatcher takes none; nothing new is taken in meanwhile.")
BATCH_SECONDS = Histogram(
    "notifier_batch_seconds", "From a batch's look-up to its last result.", buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30)
)
CLAIM_SECONDS = Histogram("notifier_claim_seconds", "Claiming a batch.", buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5))
RECORD_SECONDS = Histogram("notifier_record_seconds", "Writing a group of results.", buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5))
RECORD_SIZE = Histogram("notifier_record_results", "Results written by one statement.", buckets=(1, 5, 10, 50, 100, 250, 500, 1000, 2000))
DEFAULT_PARTITION_ROWS = Gauge(
    "notifier_default_partition_rows", "1 if a DEFAULT partition holds rows: a month was not made ahead.", ["table"]
)
