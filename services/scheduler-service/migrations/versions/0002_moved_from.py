"""What a message was planned by before it was moved: a revision from then may yet turn out to have been sent."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # An object: the moments, as columns of this table, by the last revision that they held for. Null for what was never moved.
    op.execute("ALTER TABLE messages ADD COLUMN moved_from jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE messages DROP COLUMN moved_from")
