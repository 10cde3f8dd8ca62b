"""Registered modules: looking them over, switching them on and off, and taking them away."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from hengio.alerts import alert
from hengio.blobs.protocol import Blobs
from hengio.clock import SECOND, Clock
from hengio.errors import Conflict, Corrupt, Distrusted, Refused
from hengio.grants.check import check
from hengio.grants.compare import Difference, compare
from hengio.ids import new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.author import AuthorKey
from hengio.model.channel import Channels
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.model.statistics import CallStatistics
from hengio.model.version import is_version, order
from hengio.registry.binaries import fetch_binary, key
from hengio.registry.trust import Trust
from hengio.service.uses import Use, uses
from hengio.storage.modules import EVERY_MODULE, ModuleFilter
from hengio.storage.protocol import Storage

WINDOW_DAYS = 30
MOST_CALLS = 10_000
_MOST_USES_TOLD = 10


class SignatureState(Struct, frozen=True):
    """`unsigned`, `valid`, or the code of why it would be refused (`signature_missing`, `key_revoked` …); the key that
    signed it where that is known."""

    state: str
    message: str = ""
    key: AuthorKey | None = None


class Step(Struct, frozen=True, kw_only=True):
    """From the version before to this one: what it may do, and what it asks for. `before` None: it is the first."""

    before: Module | None
    grants: Difference
    requested: Difference


class ModuleDetail(Struct, frozen=True, kw_only=True):
    """All there is to know of a module. `statistics` are of the last 30 days, at most the latest 10,000 calls."""

    module: Module
    signature: SignatureState
    channels: Channels
    uses: Sequence[Use]
    statistics: CallStatistics
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleService:
    """What people ask about modules. `changed` tells who remembers modules that something is different now."""

    storage: Storage
    binaries: Blobs
    clock: Clock
    trust: Trust
    changed: Callable[[], None] = lambda: None

    async def page(self, wanted: ModuleFilter = EVERY_MODULE, *, limit: int, after: str | None = None) -> list[Module]:
        """Modules by name, the newest of each first (R6.6); those that follow the one with the id `after`."""
        place = None if after is None else await self.storage.modules.get(after)
        return await self.storage.modules.page(wanted, limit=limit, after=place)

    async def show(self, reference: str) -> ModuleDetail:
        """A module by any reference, with where it is used and how it has done. `NotFound`."""
        module = await self.storage.modules.find(reference)
        since = self.clock.now() - WINDOW_DAYS * 86_400 * SECOND
        return ModuleDetail(
            module=module,
            signature=await self.signature(module),
            channels=await self.storage.channels.of(module.name),
            uses=await self.uses(module),
            statistics=await self.storage.calls.statistics(module.id, since=since, most=MOST_CALLS),
            step=await self.step(module),
        )

    async def signature(self, module: Module) -> SignatureState:
        """Whether it would run now, as far as its signature goes."""
        try:
            key = await self.trust.check(module)
        except Distrusted as error:
            key_id = "" if module.signature is None else module.signature.key_id
            return SignatureState(error.code, error.message, await self.storage.authors.find(key_id))
        return SignatureState("unsigned" if key is None else "valid", key=key)

    async def uses(self, module: Module) -> list[Use]:
        """Steps of stored jobs that would run it now, and channels that lead to it."""
        return uses(
            module,
            modules=await self.storage.modules.all(),
            channels=await self.storage.channels.current(),
            jobs=await self.storage.jobs.all(),
        )

    async def step(self, module: Module) -> Step:
        """What changed from the version before it."""
        before = await self._before(module.name, module.version)
        granted, asked = ((), ()) if before is None else (before.grants, before.requested)
        return Step(before=before, grants=compare(granted, module.grants), requested=compare(asked, module.requested))

    async def growth(self, name: str, version: str, grants: Sequence[Grant]) -> tuple[Grant, ...]:
        """Those of `grants` by which that version would have wider rights than it has, or, if it is not there yet, than
        the version before it. To give these is what the permission `module:grant` is for. `Refused` for one that means
        nothing."""
        check(grants)
        known = [module for module in await self._versions(name) if module.version == version]
        before = known[0] if known else await self._before(name, version)
        return compare(() if before is None else before.grants, grants).growth

    async def download(self, reference: str) -> tuple[Module, bytes]:
        """A module and its binary. `Corrupt` for one that is gone or not the registered one, which is an alert."""
        module = await self.storage.modules.find(reference)
        binary = await fetch_binary(self.binaries, module)
        found = hashlib.sha256(binary).hexdigest()
        if found != module.digest:
            alert("digest_mismatch", module=module.reference, found=found)
            told = {"message": f"downloaded with the digest {found}"}
            await self.storage.audit.add([self._entry("module.digest_mismatch", module, "", **told)])
            raise Corrupt(f"the stored binary of module {module.reference} is not the one that was registered")
        return module, binary

    async def enable(self, reference: str, *, enabled: bool, by: str) -> Module:
        """Let a version run, or not, from its next execution on; audited."""
        module = await self._exactly(reference)
        entry = self._entry("module.enabled" if enabled else "module.disabled", module, by)
        module = await self.storage.modules.enable(module.id, enabled=enabled, entry=entry)
        self.changed()
        return module

    async def delete(self, reference: str, *, by: str, force: bool = False) -> Module:
        """Take a version away, from the database and the object store (R6.7); audited. Executions that want it then end
        as `module_refused`.

        `Conflict` tells which steps and channels lead to it, unless `force`. The row goes before the binary: a crash
        between leaves an object nobody names.
        """
        module = await self._exactly(reference)
        found = await self.uses(module)
        if found and not force:
            raise Conflict(f"module {module.reference} is used by {_told(found)}", hint="--force deletes it anyway")
        entry = self._entry("module.deleted", module, by, used_by=[str(use) for use in found])
        await self.storage.modules.delete(module.id, entry=entry)
        self.changed()
        await self.binaries.delete(key(module.id))
        return module

    async def _exactly(self, reference: str) -> Module:
        """A single version: by `name@version` or id. `Refused` for what means another one tomorrow."""
        module = await self.storage.modules.find(reference)
        if reference not in {module.id, module.reference}:
            raise Refused(
                f"'{reference}' does not say which version is meant", hint=f"NAME@VERSION, such as {module.reference}"
            )
        return module

    async def _before(self, name: str, version: str) -> Module | None:
        if not is_version(version):
            raise Refused(f"'{version}' is not a version", hint="semantic versioning, such as 1.0.0")
        earlier = [one for one in await self._versions(name) if order(one.version) < order(version)]
        return max(earlier, key=lambda one: order(one.version), default=None)

    async def _versions(self, name: str) -> list[Module]:
        return await self.storage.modules.page(ModuleFilter(name=name), limit=MOST_CALLS)

    def _entry(self, action: AuditAction, module: Module, by: str, **detail: Any) -> AuditEntry:
        return AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action=action,
            actor=by,
            subject=module.reference,
            detail={"module_id": module.id, "digest": module.digest, **detail},
        )


def _told(found: Sequence[Use]) -> str:
    more = f" and {len(found) - _MOST_USES_TOLD} more" if len(found) > _MOST_USES_TOLD else ""
    return ", ".join(map(str, found[:_MOST_USES_TOLD])) + more
