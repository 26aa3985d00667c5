"""The plan: messages, recipients, occasions and what the jobs remember."""

from alembic import op

from servicekit.outbox import Outbox

revision = "0001"
down_revision = None

MESSAGES = """
CREATE TABLE messages (
    id uuid NOT NULL,
    local_date date NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN
        ('SCHEDULED', 'QUEUED', 'SENT', 'RETRYING', 'FAILED', 'CANCELLED', 'EXPIRED', 'SUPPRESSED', 'UNCERTAIN')),
    revision integer NOT NULL DEFAULT 1,
    due_at timestamptz NOT NULL,
    send_at timestamptz NOT NULL,
    late_until_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    timezone text NOT NULL,
    tzdata_version text NOT NULL,
    zone_rule text NOT NULL,
    variant text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    replay integer NOT NULL DEFAULT 0,
    unsure boolean NOT NULL DEFAULT false,
    asked_revision integer NOT NULL DEFAULT 0,
    asked_at timestamptz,
    queued_at timestamptz,
    reason text NOT NULL DEFAULT '',
    provider text NOT NULL DEFAULT '',
    provider_message_id text NOT NULL DEFAULT '',
    sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id, local_date)
) PARTITION BY RANGE (local_date)
"""

# Catches what no month was made ahead for. A row in it raises an alert.
DEFAULT_PARTITION = "CREATE TABLE messages_default PARTITION OF messages DEFAULT WITH (fillfactor = 60)"

# The partial ones stay small whatever the table holds.
MESSAGE_INDEXES = (
    "CREATE INDEX messages_waiting ON messages (send_at) WHERE state IN ('SCHEDULED', 'RETRYING')",
    "CREATE INDEX messages_queued ON messages (queued_at) WHERE state = 'QUEUED'",
    "CREATE INDEX messages_asked ON messages (asked_at) WHERE asked_revision > 0",
    "CREATE INDEX messages_ended ON messages (state, id) WHERE state NOT IN ('SENT', 'SCHEDULED', 'QUEUED')",
    "CREATE INDEX messages_of_user ON messages (user_id, local_date)",
)

RECIPIENTS = """
CREATE TABLE recipients (
    user_id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    email text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    locale text NOT NULL,
    timezone text NOT NULL,
    birthday text,
    anniversary text,
    birthday_known_at timestamptz,
    anniversary_known_at timestamptz,
    leap_day_rule text NOT NULL,
    suppressed text[] NOT NULL,
    deleted boolean NOT NULL,
    erased boolean NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

OCCASIONS = """
CREATE TABLE occasions (
    user_id uuid NOT NULL,
    kind text NOT NULL,
    zone text NOT NULL,
    month smallint,
    day smallint,
    year smallint,
    leap_day_rule text NOT NULL,
    known_at timestamptz,
    active boolean NOT NULL,
    slot_year smallint,
    slot_message_id uuid,
    PRIMARY KEY (user_id, kind),
    CHECK (NOT active OR (month IS NOT NULL AND day IS NOT NULL AND known_at IS NOT NULL))
) WITH (fillfactor = 70)
"""

# The month and day come first: a day's people lie together, whatever their zone. The user comes last: chunks are cut by it.
OCCASIONS_BY_DAY = "CREATE INDEX occasions_by_day ON occasions (month, day, kind, zone, user_id) WHERE active"

CONSUMER_OFFSETS = """
CREATE TABLE consumer_offsets (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
)
"""

TICKS = """
CREATE TABLE ticks (
    job text NOT NULL,
    tick_at timestamptz NOT NULL,
    holder text NOT NULL,
    lease_until_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    result text NOT NULL DEFAULT 'RUNNING' CHECK (result IN ('RUNNING', 'SUCCEEDED', 'FAILED')),
    counts jsonb NOT NULL DEFAULT '{}',
    error text NOT NULL DEFAULT '',
    manual boolean NOT NULL DEFAULT false,
    cursor jsonb,
    PRIMARY KEY (job, tick_at)
)
"""

REPLANS = """
CREATE TABLE replans (
    user_id uuid NOT NULL,
    epoch integer NOT NULL,
    version integer NOT NULL,
    replanned_at timestamptz NOT NULL,
    actions jsonb NOT NULL,
    errors text[] NOT NULL,
    PRIMARY KEY (user_id, epoch, version)
)
"""

PLAN_BASIS = """
CREATE TABLE plan_basis (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    epoch integer NOT NULL,
    tzdata_version text NOT NULL,
    kinds jsonb NOT NULL,
    adopted_at timestamptz NOT NULL
)
"""

TABLES = ("messages", "recipients", "occasions", "consumer_offsets", "ticks", "replans", "plan_basis", "outbox")


def upgrade() -> None:
    for statement in (MESSAGES, DEFAULT_PARTITION, *MESSAGE_INDEXES, RECIPIENTS, OCCASIONS, OCCASIONS_BY_DAY):
        op.execute(statement)
    for statement in (CONSUMER_OFFSETS, TICKS, REPLANS, PLAN_BASIS, *Outbox().create_statements()):
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
