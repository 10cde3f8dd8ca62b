"""Schedules that are followed, the fire ledger, and an index of executions that are not over.

Jobs that were kept before have had their schedules all along: they are followed from now on.
"""

import json
import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_UNFINISHED = sa.text("state IN ('pending', 'running', 'cancelling')")
_DUE = sa.text("next_at IS NOT NULL")
_STOPPED = sa.text("next_at IS NULL AND NOT finished")
_JOBS = sa.text(
    "SELECT j.id, j.version, j.enabled, v.definition FROM jobs j "
    "JOIN job_versions v ON v.job_id = j.id AND v.version = j.version WHERE j.deleted_at IS NULL"
)


def upgrade() -> None:
    schedules = op.create_table(
        "schedules",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("job_version", sa.Integer(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("overlap", sa.Text(), nullable=True),
        sa.Column("anchor", sa.BigInteger(), nullable=False),
        sa.Column("decided_until", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("last_execution_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_schedules_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name="pk_schedules"),
    )
    _partial("ix_schedules_next_at", "schedules", ["next_at"], where=_DUE)
    _partial("ix_schedules_stopped", "schedules", ["job_id"], where=_STOPPED)
    op.create_table(
        "fires",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("nominal_time", sa.BigInteger(), nullable=False),
        sa.Column("job_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_fires_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "nominal_time", name="pk_fires"),
    )
    op.create_index("ix_fires_nominal_time", "fires", ["nominal_time"])
    _partial("ix_executions_unfinished", "executions", ["job_id"], where=_UNFINISHED)
    if found := [row for row in map(_followed, op.get_bind().execute(_JOBS).mappings().all()) if row is not None]:
        op.bulk_insert(schedules, found)


def _partial(name: str, table: str, columns: list[str], *, where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _followed(job: sa.RowMapping) -> dict[str, object] | None:
    """The schedule of a job as it is followed; None without one."""
    definition, now = json.loads(job["definition"]), time.time_ns() // 1_000
    schedule = definition.get("schedule")
    if schedule is None or not definition.get("triggers", {}).get("scheduled", True):
        return None
    overlap = definition.get("overlap")
    return {
        "job_id": job["id"],
        "job_version": job["version"],
        "schedule": json.dumps(schedule),
        "input": "null",
        "enabled": bool(job["enabled"]),
        "paused": False,
        "exclusive": not definition.get("allow_concurrent", False) and overlap != "allow",
        "overlap": overlap,
        "anchor": now,
        "decided_until": now,
        "next_at": now,
        "finished": False,
        "problem": None,
        "last_execution_id": None,
    }
