"""Webhooks: their URLs, what was sent to them, and an index that counts what they began."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BY_WEBHOOK = sa.text("trigger = 'webhook'")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_webhooks_job_id", ondelete="CASCADE"),
        sa.UniqueConstraint("digest", name="uq_webhooks_digest"),
    )
    op.add_column("executions", sa.Column("webhook", sa.Text(), nullable=True))
    op.create_index(
        "ix_executions_webhooks",
        "executions",
        ["job_id", "created_at"],
        sqlite_where=_BY_WEBHOOK,
        postgresql_where=_BY_WEBHOOK,
    )
