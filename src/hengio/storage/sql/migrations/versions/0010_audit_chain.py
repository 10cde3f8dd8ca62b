"""Entries of the audit log are linked, those that are there in the order they were made."""

import sqlalchemy as sa
from alembic import context, op

from hengio.clock import SystemClock
from hengio.ids import new_id
from hengio.model.audit import AuditEntry
from hengio.storage.chain import Content, End
from hengio.storage.sql import audit

revision = "0010"
down_revision = "0009"

_SAID = ", ".join(Content.__struct_fields__)
_LINK = ("previous", "hash", "key_id", "seal")


def upgrade() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.text(f"SELECT {_SAID} FROM audit ORDER BY at, id")).mappings().all()
    kept = [Content(**row) for row in rows]
    connection.execute(sa.text("DELETE FROM audit"))
    with op.batch_alter_table("audit") as table:
        table.add_column(sa.Column("sequence", sa.BigInteger(), nullable=False))
        for name in _LINK:
            table.add_column(sa.Column(name, sa.Text(), nullable=False))
        table.create_unique_constraint("uq_audit_sequence", ["sequence"])
    op.create_table(
        "audit_end",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("seal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_end"),
    )
    connection.execute(
        sa.text("INSERT INTO audit_end (id, sequence, hash, seal) VALUES (1, 0, :hash, '')"), {"hash": End().hash}
    )
    if kept:
        told = AuditEntry(
            id=new_id(),
            at=SystemClock().now(),
            action="audit.chained",
            actor="migration",
            subject="audit",
            detail={"entries": len(kept)},
        )
        keys = context.config.attributes["audit_keys"]
        audit.extend(connection, [*kept, audit.content(told)], key=keys.current, after=End())
