"""Every metric of the service. The breaker's own are in servicekit: breaker_state, breaker_transitions_total, breaker_refusals_total."""

from prometheus_client import Counter, Gauge, Histogram

SLICES = Counter("dispatcher_slices_total", "Slices of messages taken in.")
RESULTS = Counter("dispatcher_results_total", "Messages by kind and by what became of them.", ["kind", "verdict"])
REASONS = Counter("dispatcher_reasons_total", "Messages that were not accepted, by the reason's code.", ["reason"])
GROUPS = Counter("dispatcher_groups_total", "Groups of results streamed back.")
SLICES_IN_FLIGHT = Gauge("dispatcher_slices_in_flight", "Slices being sent.")
CALLS = Counter("provider_calls_total", "Calls to the provider by what they told.", ["provider", "verdict"])
CALL_SECONDS = Histogram(
    "provider_call_seconds",
    "Time one call to the provider took, whatever it told.",
    ["provider"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
CALLS_IN_FLIGHT = Gauge("provider_calls_in_flight", "Calls to the provider that have not ended.")
CALLS_LIMIT = Gauge("provider_calls_limit", "Most calls to the provider at one time.")
PAUSES = Counter("provider_pauses_total", "Times the provider asked for no further call for a while.", ["provider"])
RATE_LIMIT_WAITS = Counter("provider_rate_limit_waits_total", "Times calls had to wait for the rate limit shared by all replicas.")
RATE_LIMIT_LOCAL = Counter("provider_rate_limit_local_total", "Reservations made from this replica's own part, for want of Redis.")
TEMPLATES = Gauge("dispatcher_templates", "Texts that were loaded at start.")
