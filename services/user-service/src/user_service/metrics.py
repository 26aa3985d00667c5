"""Every metric of user-service; those of gRPC, Postgres, Redis, Kafka and the outbox are servicekit's."""

from prometheus_client import Counter, Gauge, Histogram

CHANGES = Counter("user_changes_total", "Changes of users that were committed, by operation.", ["operation"])
VIOLATIONS = Counter("user_violations_total", "Mistakes found in what callers said about users, by field.", ["field"])
CONFLICTS = Counter(
    "user_conflicts_total", "Changes refused: another user has the email or externalId, or the version was stale.", ["field"]
)
REQUESTS_REPEATED = Counter("user_requests_repeated_total", "Creates answered with an earlier result, by their request id.")
REQUESTS_FORGOTTEN = Counter("user_requests_forgotten_total", "Request ids dropped after their retention.")
CACHE_READS = Counter("user_cache_reads_total", "Reads of one user, by whether the cache had it: hit or miss.", ["result"])
CACHE_REFUSALS = Counter("user_cache_refusals_total", "Users not kept because a newer version was kept or announced.")
CACHE_GENERATION = Gauge("user_cache_generation", "Generation of the cache; it grows with each change that could not be announced to it.")
PAGE_USERS = Histogram("user_page_users", "Users per page of a list.", buckets=(0, 1, 10, 50, 100, 500, 1000))
