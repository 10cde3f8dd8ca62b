"""Variables: setting, showing and deleting them, and finding who uses one (H6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hengio import codec
from hengio.clock import Clock
from hengio.codec import Json
from hengio.definition import words
from hengio.definition.lookup import ROOTS
from hengio.definition.needs import needs
from hengio.definition.templates import references
from hengio.errors import Conflict, HengioError, NotFound, Refused
from hengio.ids import is_name, new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.job import Job
from hengio.model.variable import MOST_BYTES, Variable
from hengio.redaction.mask import LEAST_BYTES
from hengio.redaction.redact import sensitive as sensitive_in
from hengio.storage.protocol import Storage, StoredJob
from hengio.storage.vault import Sealing, Stored, VariableRow
from hengio.vault import cipher
from hengio.vault.keys import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableService:
    """What people ask of variables. `job` is a job's name or id; None is global. Nothing it raises holds a value."""

    storage: Storage
    ring: KeyRing
    clock: Clock

    async def set(
        self,
        name: str,
        value: Json,
        *,
        actor: str,
        sensitive: bool | None = None,
        job: str | None = None,
        description: str | None = None,
    ) -> Variable:
        """Create or replace it; audited, without its value. What is not given stays: a sensitive one stays sensitive.

        Raises `Refused` for a name that cannot be one, a value that is too large, or a sensitive one too short to be
        masked; `NotFound` for the job; `KeyMissing` where the key is not here under which values are sealed.
        """
        text = _checked(name, value)
        job_id = await self._job_id(job)
        known = await self.storage.variables.find(name, job_id=job_id)
        secret = (known.sensitive if known else False) if sensitive is None else sensitive
        if secret:
            _check_length(name, value)
        row = VariableRow(
            name=name,
            job_id=job_id,
            stored=Stored("" if secret else text.decode()),
            sensitive=secret,
            description=(known.description if known else "") if description is None else description,
            updated_at=self.clock.now(),
            updated_by=actor,
        )

        def seal(sealing: Sealing) -> Stored:
            return cipher.seal(self.ring.holding(sealing), row.place, text)

        detail = {"job_id": job_id, "sensitive": secret, "replaced": known is not None}
        entry = self._entry("variable.set", name, actor, detail)
        await self.storage.variables.put(row, entry=entry, seal=seal if secret else None)
        return _variable(row, value)

    async def all(self, *, job: str | None = None) -> list[Variable]:
        """Every variable, or with `job` those that its executions see: its own, and global ones it does not hide."""
        rows = await self.storage.variables.all()
        if job is not None:
            job_id = await self._job_id(job)
            seen = {row.name: row for row in rows if row.job_id is None}
            seen |= {row.name: row for row in rows if row.job_id == job_id}
            rows = [seen[name] for name in sorted(seen)]
        return [self._opened(row) for row in rows]

    async def find(self, name: str, *, job: str | None = None) -> Variable:
        """Raises `NotFound`. One whose key is not here says so in `locked`."""
        row = await self.storage.variables.find(name, job_id=await self._job_id(job))
        if row is None:
            raise await self._unknown(name, job)
        return self._opened(row)

    async def delete(self, name: str, *, actor: str, job: str | None = None, force: bool = False) -> None:
        """Delete it. `Conflict` tells which steps refer to it, unless `force`."""
        job_id = await self._job_id(job)
        if await self.storage.variables.find(name, job_id=job_id) is None:
            raise await self._unknown(name, job)
        if not force and (users := await self.users(name, job_id=job_id)):
            raise Conflict(f"the variable '{name}' is used by {', '.join(users)}", hint="--force deletes it anyway")
        entry = self._entry("variable.deleted", name, actor, {"job_id": job_id})
        if not await self.storage.variables.delete(name, job_id=job_id, entry=entry):
            raise await self._unknown(name, job)

    async def users(self, name: str, *, job_id: str | None) -> Sequence[str]:
        """The steps and webhooks of stored jobs that refer to it; of a job's own variable only those of that job."""
        jobs = [stored.job for stored in await self.storage.jobs.all() if job_id in (None, stored.id)]
        steps = [
            f"step '{step.id}' of job '{job.name}'"
            for job in jobs
            for step in job.steps
            if name in needs(step).variables
        ]
        return [*steps, *(f"the webhook of job '{job.name}'" for job in jobs if _signs(name, job))]

    async def job_names(self) -> dict[str, str]:
        """The names of jobs by their ids."""
        return {stored.id: stored.job.name for stored in await self.storage.jobs.all()}

    async def _job_id(self, job: str | None) -> str | None:
        found: StoredJob | None = None if job is None else await self.storage.jobs.get(job)
        return None if found is None else found.id

    def _opened(self, row: VariableRow) -> Variable:
        try:
            return _variable(row, codec.decode(cipher.opened(self.ring, row.place, row.stored)))
        except HengioError as error:
            return _variable(row, None, locked=error.message)

    async def _unknown(self, name: str, job: str | None) -> NotFound:
        job_id = await self._job_id(job)
        known = [row.name for row in await self.storage.variables.all() if row.job_id == job_id]
        where = "" if job is None else f" of job '{job}'"
        return NotFound(f"there is no variable '{words.cut(name)}'{where}", hint=words.nearest(name, known))

    def _entry(self, action: AuditAction, name: str, actor: str, detail: dict[str, Any]) -> AuditEntry:
        return AuditEntry(id=new_id(), at=self.clock.now(), action=action, actor=actor, subject=name, detail=detail)


def _signs(name: str, job: Job) -> bool:
    """Whether calls of the job's webhook are signed with the variable."""
    written = job.triggers.webhook.secret_key or ""
    return any(one.path[:2] == ("variables", name) for one in references(written))


def _checked(name: str, value: Json) -> bytes:
    if not is_name(name):
        raise Refused(f"'{words.cut(name)}' cannot name a variable", hint="a letter, then letters, digits, '-' or '_'")
    if name in ROOTS:
        raise Refused(f"'{name}' has a meaning of its own in templates", hint="choose another name")
    text = codec.encode(value)
    if len(text) > MOST_BYTES:
        raise Refused(f"the value of '{name}' is larger than {MOST_BYTES >> 10} KiB", hint="keep it in a file")
    return text


def _check_length(name: str, value: Json) -> None:
    """What cannot be masked must not be called sensitive: parts of an object may be short, not all of it."""
    if not any(len(found.text.encode(errors="replace")) >= LEAST_BYTES for found in sensitive_in(name, value)):
        raise Refused(
            f"the value of '{name}' is too short to be kept secret",
            hint=f"values of fewer than {LEAST_BYTES} bytes stand everywhere and cannot be masked",
        )


def _variable(row: VariableRow, value: Json, *, locked: str = "") -> Variable:
    return Variable(
        name=row.name,
        job_id=row.job_id,
        value=value,
        sensitive=row.sensitive,
        description=row.description,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        locked=locked,
    )
