"""What was decided and must be found again: denials, alerts, grants. Reads are not audited."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from hengio.clock import Micros

AuditAction = Literal[
    "host_call.denied",
    "module.digest_mismatch",
    "module.granted",
    "module.distrusted",
    "module.registered",
    "module.signed",
    "module.enabled",
    "module.disabled",
    "module.deleted",
    "channel.set",
    "channel.promoted",
    "channel.rolled_back",
    "author.added",
    "author.revoked",
    "job.applied",
    "job.enabled",
    "job.disabled",
    "job.deleted",
    "job.imported",
    "job.exported",
    "execution.cancelled",
    "execution.rerun",
    "deadletter.redriven",
    "deadletter.discarded",
    "variable.set",
    "variable.deleted",
    "connection.set",
    "connection.deleted",
    "secrets.rotated",
    "schedule.paused",
    "schedule.resumed",
    "schedule.backfilled",
    "schedule.stopped",
    "webhook.created",
    "webhook.regenerated",
    "webhook.refused",
    "audit.chained",
    "user.created",
    "user.enabled",
    "user.disabled",
    "user.deleted",
    "user.password_changed",
    "user.roles_changed",
    "role.set",
    "role.deleted",
    "token.created",
    "token.revoked",
    "login.succeeded",
    "login.failed",
    "login.limited",
    "session.ended",
    "session.reused",
    "access.denied",
]
"""A module asked for what it was not granted; a stored binary is not the registered one; grants of a module changed;
one that is not signed as it must be was to run; what people did to modules, their channels and their authors' keys;
what people did to jobs and executions; a variable or a connection changed (never with a value); everything was
encrypted under another key; what people did to a schedule, and one that can fire no more;
a job was given a URL or another one; calls of one were refused; the entries of an earlier release were linked;
what was done to users, roles and tokens; how logins ended; what somebody may not do was asked for."""


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One decision. `actor` did or asked for it, `subject` is what it is about, `detail` says the rest."""

    id: str
    at: Micros
    action: AuditAction
    actor: str
    subject: str
    execution_id: str | None = None
    step_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
