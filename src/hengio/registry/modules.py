"""Registering a module and finding it again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hengio.blobs.protocol import Blobs
from hengio.clock import Clock
from hengio.errors import Corrupt, NotFound, Refused
from hengio.grants.check import check
from hengio.ids import is_name, new_id
from hengio.model.audit import AuditEntry
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.model.version import is_version
from hengio.sandbox.protocol import Sandbox
from hengio.storage.protocol import AuditStore, ModuleStore

REMEMBERED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ModuleRegistry:
    """Modules by reference. What was found is remembered for a second, so that a change reaches the next execution."""

    store: ModuleStore
    binaries: Blobs
    sandbox: Sandbox
    clock: Clock
    audit: AuditStore
    _known: dict[str, tuple[float, Module]] = field(default_factory=dict)

    async def register(self, name: str, version: str, binary: bytes, *, grants: tuple[Grant, ...] = ()) -> Module:
        """Check, digest and store a binary (R6.1-R6.4) with what it may do outside (R4.1-R4.6); the same one again is
        the one that exists, with the grants that it has, and its stored binary is written again if that was altered or
        is gone. Compiling begins at once, ahead of the first call.

        Raises `Refused` for a bad name, version, grant or binary, `Conflict` for another binary under that version.
        The binary is stored before its row: a crash between leaves an object nobody names, never a row without one.
        """
        if not is_name(name):
            raise Refused(f"'{name}' cannot name a module", hint="a letter, then letters, digits, '-' or '_'")
        if not is_version(version):
            raise Refused(f"'{version}' is not a version", hint="semantic versioning, such as 1.0.0")
        check(grants)
        facts = await asyncio.to_thread(self.sandbox.inspect, binary)
        module = Module(
            id=new_id(),
            name=name,
            version=version,
            digest=facts.digest,
            size=len(binary),
            facts=facts,
            created_at=self.clock.now(),
            grants=grants,
        )
        known = await self._registered(module)
        if known is not None:
            await self._mend(known, binary)
            self.sandbox.prepare(binary, known.digest)
            return known
        await self.binaries.put(_key(module), binary)
        added = await self.store.add(module)
        if added.id != module.id:
            await self.binaries.delete(_key(module))
        self._known.clear()
        self.sandbox.prepare(binary, added.digest)
        return added

    async def grant(self, reference: str, grants: tuple[Grant, ...], *, actor: str) -> Module:
        """Replace what the module may do outside its execution, from its next execution on (R6.8); audited.

        Raises `Refused` for a grant that means nothing, `NotFound`.
        """
        check(grants)
        before = await self.store.find(reference)
        module = await self.store.grant(before.id, grants)
        self._known.clear()
        entry = AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action="module.granted",
            actor=actor,
            subject=f"{module.name}@{module.version}",
            detail={"before": [str(grant) for grant in before.grants], "after": [str(grant) for grant in grants]},
        )
        await self.audit.add([entry])
        return module

    async def find(self, reference: str) -> Module:
        """The module a job means. `NotFound` lists what there is; a disabled one is `Refused`.

        When its second is over, whoever asks first looks it up, and the others go on with what they know meanwhile.
        """
        remembered = self._known.get(reference)
        now = self.clock.monotonic()
        if remembered is not None and now - remembered[0] < REMEMBERED_SECONDS:
            return remembered[1]
        if remembered is not None:
            self._known[reference] = (now, remembered[1])
        try:
            module = await self._enabled(reference)
        except BaseException:
            self._known.pop(reference, None)
            raise
        self._known[reference] = (now, module)
        return module

    def fetch(self, module: Module) -> Callable[[], Awaitable[bytes]]:
        """A function that loads the module's binary; the sandbox checks its digest (R14.4)."""

        async def load() -> bytes:
            return await fetch_binary(self.binaries, module)

        return load

    async def _enabled(self, reference: str) -> Module:
        module = await self.store.find(reference)
        if not module.enabled:
            raise Refused(f"module {module.name}@{module.version} is disabled")
        return module

    async def _mend(self, module: Module, binary: bytes) -> None:
        """Store the binary again unless it is there as it was registered."""
        try:
            stored = await self.binaries.get(_key(module))
        except NotFound:
            stored = None
        if stored != binary:
            await self.binaries.put(_key(module), binary)

    async def _registered(self, module: Module) -> Module | None:
        try:
            known = await self.store.find(f"{module.name}@{module.version}")
        except NotFound:
            return None
        return await self.store.add(module) if known.digest != module.digest else known


async def fetch_binary(binaries: Blobs, module: Module) -> bytes:
    """The stored binary of a module, unchecked. `Corrupt` if it is gone."""
    try:
        return await binaries.get(_key(module))
    except NotFound as error:
        mend = "hengio module register with the same binary writes it again"
        raise Corrupt(f"the binary of module {module.name}@{module.version} is gone: {mend}") from error


def _key(module: Module) -> str:
    return f"{module.id}.wasm"
