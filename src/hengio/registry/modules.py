"""Registering a module and finding it again."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from hengio.blobs.protocol import Blobs
from hengio.clock import Clock
from hengio.errors import NotFound, Refused
from hengio.grants.check import check
from hengio.ids import is_name, new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.channel import Channels, followed
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.model.signature import canonical
from hengio.model.version import is_version
from hengio.registry.binaries import fetch_binary, key
from hengio.registry.letter import Letter
from hengio.registry.remembered import Remembered
from hengio.registry.trust import Claim, Trust
from hengio.sandbox.protocol import Sandbox
from hengio.storage.modules import ChannelStore, ModuleStore, taken

MOST_BYTES = 128 << 20


class ModuleRegistry:
    """Modules by reference. What was found and judged is remembered for a second, so that a change reaches the next
    execution. Without `trust` signatures are not asked about."""

    def __init__(
        self,
        store: ModuleStore,
        channels: ChannelStore,
        binaries: Blobs,
        sandbox: Sandbox,
        clock: Clock,
        *,
        trust: Trust | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.store = store
        self.most_bytes = most_bytes
        self._binaries = binaries
        self._sandbox = sandbox
        self._clock = clock
        self._trust = trust
        self._modules = Remembered(clock, self._usable)
        self._channels: Remembered[Channels] = Remembered(clock, channels.of)

    async def register(
        self,
        name: str,
        version: str,
        binary: bytes,
        *,
        grants: tuple[Grant, ...] = (),
        requested: tuple[Grant, ...] = (),
        letter: Letter | None = None,
        by: str = "",
    ) -> Module:
        """Check, digest and store a binary (R6.1-R6.4) with what it may do outside (R4.1-R4.6); the same one again is
        the one that exists, with the grants that it has, and its stored binary is written again if that was altered or
        is gone. Compiling begins at once, ahead of the first call.

        A `letter` is its author's signature (R6.5, R14.1), which also says what it asks for in place of `requested`; of
        a module that exists it replaces the one before. Audited if it is said `by` whom.
        Raises `Refused` for a bad name, version, grant or binary, `Distrusted` for a signature that does not hold or is
        missing (R14.2; before anybody looks inside), `Conflict` for another binary under that version: then nothing is
        stored.
        The binary is stored before its row: a crash between leaves an object nobody names, never a row without one.
        """
        self._check(name, version, binary, (*grants, *requested))
        digest = await asyncio.to_thread(lambda: hashlib.sha256(binary).hexdigest())
        claim = Claim(
            id=new_id(),
            name=name,
            version=version,
            digest=digest,
            requested=canonical(requested) if letter is None else _claimed(letter, name, version, digest),
            signature=None if letter is None else letter.signed,
        )
        known = await self._registered(claim)
        await self._trusted(claim if known is None or letter is not None else known)
        if known is not None:
            known = await self._signed_anew(known, claim, by=by)
            await self._mend(known, binary)
            self._sandbox.prepare(binary, known.digest)
            return known
        return await self._add(claim, binary, grants=grants, by=by)

    async def _add(self, claim: Claim, binary: bytes, *, grants: tuple[Grant, ...], by: str) -> Module:
        """Look inside, and store it."""
        facts = await asyncio.to_thread(self._sandbox.inspect, binary)
        module = Module(
            id=claim.id,
            name=claim.name,
            version=claim.version,
            digest=claim.digest,
            size=len(binary),
            facts=facts,
            created_at=self._clock.now(),
            grants=grants,
            requested=claim.requested,
            signature=claim.signature,
            registered_by=by,
        )
        await self._binaries.put(key(module.id), binary)
        added = await self.store.add(module, entry=self._entry("module.registered", module, by) if by else None)
        if added.id != module.id:
            await self._binaries.delete(key(module.id))
        self.forget()
        self._sandbox.prepare(binary, added.digest)
        return added

    async def grant(self, reference: str, grants: tuple[Grant, ...], *, actor: str) -> Module:
        """Replace what the module may do outside its execution, from its next execution on (R6.8); audited.

        Raises `Refused` for a grant that means nothing, `NotFound`.
        """
        check(grants)
        before = await self.store.find(reference)
        told = {"before": [str(grant) for grant in before.grants], "after": [str(grant) for grant in grants]}
        module = await self.store.grant(before.id, grants, entry=self._entry("module.granted", before, actor, **told))
        self.forget()
        return module

    async def find(self, reference: str, *, execution_id: str = "") -> Module:
        """The module a job means; of a channel the one that this execution gets.

        `NotFound` lists what there is; a disabled one is `Refused`, one that is not signed as it must be `Distrusted`.
        """
        channel = followed(reference)
        if channel is None:
            return await self._modules.get(reference)
        name, which = channel
        chosen = (await self._channels.get(name)).chosen(which, execution_id)
        if chosen is None:
            hint = f"hengio module channel {name} {which} VERSION sets it"
            raise NotFound(f"the channel {which} of module '{name}' leads to no module", hint=hint)
        return await self._modules.get(chosen)

    def fetch(self, module: Module) -> Callable[[], Awaitable[bytes]]:
        """A function that loads the module's binary, whose signature is checked with the keys as they are then; the
        sandbox checks its digest (R14.4)."""

        async def load() -> bytes:
            await self._trusted(module)
            return await fetch_binary(self._binaries, module)

        return load

    def forget(self) -> None:
        """Look all modules and channels up anew: something about them changed."""
        self._modules.forget()
        self._channels.forget()

    def _check(self, name: str, version: str, binary: bytes, grants: tuple[Grant, ...]) -> None:
        if not is_name(name):
            raise Refused(f"'{name}' cannot name a module", hint="a letter, then letters, digits, '-' or '_'")
        if not is_version(version):
            raise Refused(f"'{version}' is not a version", hint="semantic versioning, such as 1.0.0")
        if len(binary) > self.most_bytes:
            raise Refused(f"the module has more than {self.most_bytes >> 20} MiB", hint="the setting modules.max_mb")
        check(grants)

    async def _usable(self, reference: str) -> Module:
        module = await self.store.find(reference)
        if not module.enabled:
            raise Refused(f"module {module.reference} is disabled")
        await self._trusted(module)
        return module

    async def _trusted(self, module: Module | Claim) -> None:
        if self._trust is not None:
            await self._trust.check(module)

    async def _signed_anew(self, known: Module, claim: Claim, *, by: str) -> Module:
        """The known module with the new signature, if there is one and it is another."""
        if claim.signature is None or claim.signature == known.signature:
            return known
        entry = self._entry("module.signed", known, by, key_id=claim.signature.key_id)
        signed = await self.store.sign(known.id, claim.signature, claim.requested, entry=entry)
        self.forget()
        return signed

    async def _mend(self, module: Module, binary: bytes) -> None:
        """Store the binary again unless it is there as it was registered."""
        try:
            stored = await self._binaries.get(key(module.id))
        except NotFound:
            stored = None
        if stored != binary:
            await self._binaries.put(key(module.id), binary)

    async def _registered(self, claim: Claim) -> Module | None:
        try:
            known = await self.store.find(claim.reference)
        except NotFound:
            return None
        if known.digest != claim.digest:
            raise taken(claim.reference)
        return known

    def _entry(self, action: AuditAction, module: Module, by: str, **detail: Any) -> AuditEntry:
        about = {"module_id": module.id, "digest": module.digest, **detail}
        return AuditEntry(
            id=new_id(), at=self._clock.now(), action=action, actor=by, subject=module.reference, detail=about
        )


def _claimed(letter: Letter, name: str, version: str, digest: str) -> tuple[Grant, ...]:
    """The permission request of a letter that is for this binary under this name. `Refused` for one of another."""
    if (letter.name, letter.version) != (name, version):
        raise Refused(f"the signature is for {letter.name}@{letter.version}, not for {name}@{version}")
    if letter.hex_digest != digest:
        raise Refused(
            f"the signature of {name}@{version} is for another binary",
            hint=f"that one's SHA-256 is {letter.hex_digest}, this one's {digest}",
        )
    check(letter.requested)
    return letter.requested
