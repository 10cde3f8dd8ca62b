"""Reruns, dead letters, idempotency keys, deleted jobs, and the circuits of targets."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_DEAD = sa.text("state = 'dead_letter'")
_KEYED = sa.text("idempotency_key IS NOT NULL")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    for name in ("idempotency_key", "rerun_of", "redriven_as", "started_by"):
        op.add_column("executions", sa.Column(name, sa.Text(), nullable=True))
    op.create_index("ix_executions_created_at_id", "executions", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_executions_dead_letters",
        "executions",
        ["created_at"],
        unique=False,
        sqlite_where=_DEAD,
        postgresql_where=_DEAD,
    )
    op.create_index(
        "uq_executions_idempotency_key",
        "executions",
        ["job_id", "idempotency_key"],
        unique=True,
        sqlite_where=_KEYED,
        postgresql_where=_KEYED,
    )
    op.create_table(
        "circuits",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("target", "worker", name="pk_circuits"),
    )
