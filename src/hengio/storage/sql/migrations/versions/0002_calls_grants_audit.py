"""Module calls can be asked for, modules hold grants, and decisions are audited."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_CALLS = sa.text("module_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("modules", sa.Column("grants", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("step_runs", sa.Column("module_id", sa.Text(), nullable=True))
    op.create_index(
        "ix_step_runs_calls_completed_at",
        "step_runs",
        ["completed_at"],
        unique=False,
        sqlite_where=_CALLS,
        postgresql_where=_CALLS,
    )
    op.create_index(
        "ix_step_runs_calls_module_id_completed_at",
        "step_runs",
        ["module_id", "completed_at"],
        unique=False,
        sqlite_where=_CALLS,
        postgresql_where=_CALLS,
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=True),
        sa.Column("step_id", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_index("ix_audit_execution_id", "audit", ["execution_id"], unique=False)
