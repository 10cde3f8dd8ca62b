"""An index of executions that failed, timed out or were cancelled: lists of them among many that ended well."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BAD_ENDS = sa.text("state IN ('failed', 'timeout', 'cancelled')")


def upgrade() -> None:
    op.create_index(
        "ix_executions_bad_ends",
        "executions",
        ["created_at", "id"],
        sqlite_where=_BAD_ENDS,
        postgresql_where=_BAD_ENDS,
    )
