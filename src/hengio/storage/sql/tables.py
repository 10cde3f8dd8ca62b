"""Every table, once. Times are whole microseconds since 1970 in UTC; JSON is text, kept to the byte."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hengio.storage.sql.states import BAD_ENDS, BEGUN, HELD, UNFINISHED

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("enabled", Boolean(create_constraint=False), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
)

job_versions = Table(
    "job_versions",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deadline_seconds", Float),
)
Index(
    "ix_job_versions_deadline",
    job_versions.c.job_id,
    sqlite_where=text("deadline_seconds IS NOT NULL"),
    postgresql_where=text("deadline_seconds IS NOT NULL"),
)

executions = Table(
    "executions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("job_id", Text, ForeignKey("jobs.id"), nullable=False),
    Column("job_version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("input", Text, nullable=False),
    Column("root_id", Text, nullable=False),
    Column("exclusive", Boolean(create_constraint=False), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("nominal_time", BigInteger),
    Column("dispatch_number", Integer, nullable=False),
    Column("claim", Integer, nullable=False),
    Column("parked_claim", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", BigInteger),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("failure", Text),
    Column("idempotency_key", Text),
    Column("rerun_of", Text),
    Column("redriven_as", Text),
    Column("started_by", Text),
    Column("webhook", Text),
)

# A pending row is the outbox: found by this index alone, however many executions are over.
Index(
    "ix_executions_due",
    executions.c.due_at,
    sqlite_where=text("state = 'pending'"),
    postgresql_where=text("state = 'pending'"),
)
Index(
    "ix_executions_lease",
    executions.c.lease_until,
    sqlite_where=text(f"state IN {HELD}"),
    postgresql_where=text(f"state IN {HELD}"),
)
# One execution of a job that allows none beside it, from its first claim to its end: the database refuses a second.
Index(
    "uq_executions_exclusive",
    executions.c.job_id,
    unique=True,
    sqlite_where=text(f"exclusive AND {BEGUN}"),
    postgresql_where=text(f"exclusive AND {BEGUN}"),
)
# Whether a job has an execution that is not over: what the overlap policy asks.
Index(
    "ix_executions_unfinished",
    executions.c.job_id,
    sqlite_where=text(f"state IN {UNFINISHED}"),
    postgresql_where=text(f"state IN {UNFINISHED}"),
)
Index("ix_executions_job_id_created_at", executions.c.job_id, executions.c.created_at)
# What a webhook began in its window is counted among whatever else began.
Index(
    "ix_executions_webhooks",
    executions.c.job_id,
    executions.c.created_at,
    sqlite_where=text("trigger = 'webhook'"),
    postgresql_where=text("trigger = 'webhook'"),
)
Index("ix_executions_created_at_id", executions.c.created_at, executions.c.id)
Index(
    "ix_executions_dead_letters",
    executions.c.created_at,
    sqlite_where=text("state = 'dead_letter'"),
    postgresql_where=text("state = 'dead_letter'"),
)
Index(
    "ix_executions_bad_ends",
    executions.c.created_at,
    executions.c.id,
    sqlite_where=text(f"state IN {BAD_ENDS}"),
    postgresql_where=text(f"state IN {BAD_ENDS}"),
)
Index(
    "uq_executions_idempotency_key",
    executions.c.job_id,
    executions.c.idempotency_key,
    unique=True,
    sqlite_where=text("idempotency_key IS NOT NULL"),
    postgresql_where=text("idempotency_key IS NOT NULL"),
)

step_runs = Table(
    "step_runs",
    metadata,
    Column("execution_id", Text, ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True),
    Column("step_id", Text, primary_key=True),
    Column("visit", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("claim", Integer, nullable=False),
    Column("branch", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("completed_at", BigInteger, nullable=False),
    Column("output", Text),
    Column("output_digest", Text),
    Column("output_size", BigInteger, nullable=False),
    Column("failure", Text),
    Column("routing", Text),
    Column("context", Text),
    Column("retryable", Boolean(create_constraint=False), nullable=False),
    Column("detail", Text),
    Column("module_id", Text),
)

# A step run of a module is its entry in the execution log (R8): written with the step, found by these.
Index(
    "ix_step_runs_calls_completed_at",
    step_runs.c.completed_at,
    sqlite_where=text("module_id IS NOT NULL"),
    postgresql_where=text("module_id IS NOT NULL"),
)
Index(
    "ix_step_runs_calls_module_id_completed_at",
    step_runs.c.module_id,
    step_runs.c.completed_at,
    sqlite_where=text("module_id IS NOT NULL"),
    postgresql_where=text("module_id IS NOT NULL"),
)

# What is followed of a job's schedule; the definition itself is in the job's version.
schedules = Table(
    "schedules",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("job_version", Integer, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("input", Text, nullable=False),
    Column("enabled", Boolean(create_constraint=False), nullable=False),
    Column("paused", Boolean(create_constraint=False), nullable=False),
    Column("exclusive", Boolean(create_constraint=False), nullable=False),
    Column("overlap", Text),
    Column("anchor", BigInteger, nullable=False),
    Column("decided_until", BigInteger, nullable=False),
    Column("next_at", BigInteger),
    Column("finished", Boolean(create_constraint=False), nullable=False),
    Column("problem", Text),
    Column("last_execution_id", Text),
)

# However many schedules there are, those that are due are found by this.
Index(
    "ix_schedules_next_at",
    schedules.c.next_at,
    sqlite_where=text("next_at IS NOT NULL"),
    postgresql_where=text("next_at IS NOT NULL"),
)
# A schedule that is not going to fire though it has not finished: normally none.
Index(
    "ix_schedules_stopped",
    schedules.c.job_id,
    sqlite_where=text("next_at IS NULL AND NOT finished"),
    postgresql_where=text("next_at IS NULL AND NOT finished"),
)

# The fire ledger (H1.6): the primary key makes a second fire of a nominal time impossible.
fires = Table(
    "fires",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("nominal_time", BigInteger, primary_key=True),
    Column("job_version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("reason", Text),
    Column("note", Text, nullable=False),
    Column("execution_id", Text),
    Column("until", BigInteger),
)
Index("ix_fires_nominal_time", fires.c.nominal_time)

circuits = Table(
    "circuits",
    metadata,
    Column("target", Text, primary_key=True),
    Column("worker", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("execution_id", Text, index=True),
    Column("step_id", Text),
    Column("detail", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False, unique=True),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("seal", Text, nullable=False),
)

# One row: where the chain of audit entries ends. Whoever adds an entry holds it.
audit_end = Table(
    "audit_end",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("key_id", Text),
    Column("seal", Text, nullable=False),
)

modules = Table(
    "modules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("facts", Text, nullable=False),
    Column("enabled", Boolean(create_constraint=False), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("grants", Text, nullable=False, server_default=text("'[]'")),
    Column("requested", Text, nullable=False, server_default=text("'[]'")),
    Column("signature", Text),
    Column("registered_by", Text, nullable=False, server_default=text("''")),
    UniqueConstraint("name", "version"),
)

# Only added to: of each channel the last change holds, and the primary key lets one of two win.
module_channels = Table(
    "module_channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("module_id", Text),
    Column("percent", Float, nullable=False),
    Column("before", Integer, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
)

author_keys = Table(
    "author_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("author", Text, nullable=False, index=True),
    Column("public_key", Text, nullable=False),
    Column("modules", Text, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("revoked_at", BigInteger),
    Column("revoked_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# What is sealed has a key; the scope is a job's id, or empty for every job.
variables = Table(
    "variables",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("key_id", Text),
    Column("sensitive", Boolean(create_constraint=False), nullable=False),
    Column("description", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("key_id", Text),
    Column("description", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False),
)

# What a webhook can be called by is the digest of its token; token and secret are sealed together.
webhooks = Table(
    "webhooks",
    metadata,
    Column("job_id", Text, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("value", Text, nullable=False),
    Column("key_id", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
)

# Counts changes: who remembers what it read once sees by one number whether that still holds.
revisions = Table(
    "revisions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("key_id", Text),
)
VAULT = "vault"
"""The row that counts changes of variables and connections, and has the key that they are to be sealed under."""
PEOPLE = "people"
"""The row that who changes users or roles holds."""

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password", Text),
    Column("roles", Text, nullable=False),
    Column("enabled", Boolean(create_constraint=False), nullable=False),
    Column("deleted", Boolean(create_constraint=False), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
)

roles = Table(
    "roles",
    metadata,
    Column("name", Text, primary_key=True),
    Column("permissions", Text, nullable=False),
    Column("description", Text, nullable=False),
)

# What the holder of a session or a token shows is kept as its digest alone.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("previous", Text, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
)

attempts = Table(
    "attempts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
)
