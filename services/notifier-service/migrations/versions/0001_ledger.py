"""The ledger: deliveries, their attempts, and dead letters."""

from alembic import op

revision = "0001"
down_revision = None

# `digest` is 16 bytes, kept as uuid: the cheapest fixed type. `exception_state` is null for what is on its way or sent, so that the
# usual update touches no indexed value and stays within its page (HOT); hence also the room that pages keep.
DELIVERIES = """
CREATE TABLE deliveries (
    id uuid NOT NULL,
    local_date date NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL DEFAULT '',
    variant text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN
        ('CLAIMED', 'RELEASED', 'SENT', 'RETRY', 'FAILED', 'CANCELLED', 'EXPIRED', 'UNCERTAIN')),
    exception_state text GENERATED ALWAYS AS (CASE WHEN state IN ('CLAIMED', 'RELEASED', 'SENT') THEN NULL ELSE state END) STORED,
    revision integer NOT NULL,
    replay integer NOT NULL,
    fence bigint NOT NULL,
    tomb integer NOT NULL,
    unsure boolean NOT NULL,
    first_unsure_at timestamptz,
    digest uuid NOT NULL,
    attempts integer NOT NULL,
    provider text NOT NULL DEFAULT '',
    provider_message_id text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    claimed_at timestamptz,
    lease_until_at timestamptz,
    next_attempt_at timestamptz,
    sent_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (id, local_date)
) PARTITION BY RANGE (local_date)
"""

# One row per dispatch that called the provider, but for deliveries sent at the first call: their entry says it all.
ATTEMPTS = """
CREATE TABLE attempts (
    id uuid NOT NULL,
    local_date date NOT NULL,
    fence bigint NOT NULL,
    number integer NOT NULL,
    revision integer NOT NULL,
    result text NOT NULL,
    provider text NOT NULL,
    reason text NOT NULL,
    calls integer NOT NULL,
    dispatched_at timestamptz,
    responded_at timestamptz,
    PRIMARY KEY (id, local_date, fence)
) PARTITION BY RANGE (local_date)
"""

DEAD_LETTERS = """
CREATE TABLE dead_letters (
    id uuid PRIMARY KEY,
    local_date date NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    revision integer NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    attempts integer NOT NULL,
    provider text NOT NULL,
    unsure boolean NOT NULL,
    created_at timestamptz NOT NULL
)
"""

STATEMENTS = (
    "CREATE SEQUENCE fences CACHE 1",
    DELIVERIES,
    # Catch what no month was made ahead for. A row in one raises an alert.
    "CREATE TABLE deliveries_default PARTITION OF deliveries DEFAULT WITH (fillfactor = 50)",
    "CREATE INDEX deliveries_of_user ON deliveries (user_id, id)",
    "CREATE INDEX deliveries_exceptions ON deliveries (exception_state, id) WHERE exception_state IS NOT NULL",
    ATTEMPTS,
    "CREATE TABLE attempts_default PARTITION OF attempts DEFAULT",
    DEAD_LETTERS,
    "CREATE INDEX dead_letters_latest ON dead_letters (created_at, id)",
    "CREATE INDEX dead_letters_of_user ON dead_letters (user_id, created_at, id)",
    "CREATE INDEX dead_letters_by_reason ON dead_letters (reason, created_at, id)",
    # A month's fresh partition has no statistics: its first plans would be sequential scans, kept for the day.
    "ALTER ROLE CURRENT_USER SET plan_cache_mode = 'force_generic_plan'",
    "ALTER ROLE CURRENT_USER SET enable_seqscan = off",
    "ALTER ROLE CURRENT_USER SET enable_hashjoin = off",
    "ALTER ROLE CURRENT_USER SET enable_mergejoin = off",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("dead_letters", "attempts", "deliveries"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP SEQUENCE fences")
    for name in ("plan_cache_mode", "enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
        op.execute(f"ALTER ROLE CURRENT_USER RESET {name}")
