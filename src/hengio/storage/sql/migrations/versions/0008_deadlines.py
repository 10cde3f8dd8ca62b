"""The deadline of a job version beside its definition, so that executions which wait beyond theirs are found."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_HAS_ONE = sa.text("deadline_seconds IS NOT NULL")
_KNOWN = sa.text("SELECT job_id, version, definition FROM job_versions WHERE definition LIKE '%\"deadline_seconds\"%'")
_SET = sa.text("UPDATE job_versions SET deadline_seconds = :seconds WHERE job_id = :job_id AND version = :version")


def upgrade() -> None:
    op.add_column("job_versions", sa.Column("deadline_seconds", sa.Float(), nullable=True))
    op.create_index(
        "ix_job_versions_deadline", "job_versions", ["job_id"], sqlite_where=_HAS_ONE, postgresql_where=_HAS_ONE
    )
    connection = op.get_bind()
    for job_id, version, definition in connection.execute(_KNOWN).all():
        seconds = json.loads(definition).get("deadline_seconds")
        if seconds is not None:
            connection.execute(_SET, {"seconds": seconds, "job_id": job_id, "version": version})
