"""Users, the requests that made them, and the outbox of their changes."""

from alembic import op

from servicekit.outbox import Outbox

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE users (
        id uuid PRIMARY KEY,
        version integer NOT NULL CHECK (version > 0),
        external_id text,
        first_name text NOT NULL,
        last_name text NOT NULL,
        email text NOT NULL,
        email_key text NOT NULL,
        timezone text NOT NULL,
        birthday text,
        anniversary text,
        leap_day_rule text NOT NULL,
        locale text NOT NULL,
        suppressed_occasions text[] NOT NULL,
        birthday_known_at timestamptz,
        anniversary_known_at timestamptz,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz
    )
    """,
    # Whose address or external id is taken: only by users not deleted.
    "CREATE UNIQUE INDEX users_live_email_key ON users (email_key) WHERE deleted_at IS NULL",
    "CREATE UNIQUE INDEX users_live_external_id ON users (external_id) WHERE deleted_at IS NULL",
    # One for each filter of a list; the id last, for the order of the pages.
    "CREATE INDEX users_by_email_key ON users (email_key, id)",
    "CREATE INDEX users_by_external_id ON users (external_id, id) WHERE external_id IS NOT NULL",
    "CREATE INDEX users_by_timezone ON users (timezone, id)",
    "CREATE INDEX users_by_birthday ON users (right(birthday, 5), id) WHERE birthday IS NOT NULL",
    "CREATE INDEX users_by_anniversary ON users (right(anniversary, 5), id) WHERE anniversary IS NOT NULL",
    """
    CREATE TABLE requests (
        caller text NOT NULL,
        request_id text NOT NULL,
        digest bytea NOT NULL,
        user_id uuid NOT NULL,
        snapshot bytea NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (caller, request_id)
    )
    """,
    "CREATE INDEX requests_by_created_at ON requests (created_at)",
    "CREATE TABLE cache_generation (id smallint PRIMARY KEY CHECK (id = 1), generation integer NOT NULL)",
    "INSERT INTO cache_generation VALUES (1, 1)",
    # A plan for any value takes a zone to be as full as the average: for one nobody lives in, it would walk through all users by their ids.
    "ALTER ROLE CURRENT_USER SET plan_cache_mode = 'force_custom_plan'",
)


def upgrade() -> None:
    for statement in (*TABLES, *Outbox().create_statements()):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE users, requests, cache_generation, outbox")
    op.execute("ALTER ROLE CURRENT_USER RESET plan_cache_mode")
