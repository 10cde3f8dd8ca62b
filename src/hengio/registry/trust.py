"""Whether a module is signed as it must be (R14.1, R14.2): when it is registered, and whenever it is looked up to run.

Looking up happens at most once a second for each reference: so a key that was revoked, or a policy that changed, counts
within about a second, and calls in between cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from msgspec import Struct

from hengio.alerts import AlertKind
from hengio.clock import Clock, Micros, to_iso
from hengio.errors import Distrusted
from hengio.model.author import AuthorKey
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.model.signature import Signature, message
from hengio.registry.signing import holds
from hengio.storage.modules import AuthorStore

_verified = lru_cache(maxsize=1_024)(holds)
"""What a key signed it signed for good: only whether the key counts has to be asked again."""


class Claim(Struct, frozen=True, kw_only=True):
    """What is said of a binary, as far as a signature covers it: all that is asked for before anybody looks inside."""

    id: str
    name: str
    version: str
    digest: str
    requested: tuple[Grant, ...]
    signature: Signature | None

    @property
    def reference(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Policy:
    """Which modules must be signed: all, or those whose name fits one of the patterns."""

    always: bool = False
    patterns: tuple[str, ...] = ()

    def requires(self, name: str) -> bool:
        """Whether modules of that name must be signed."""
        return self.always or any(fnmatchcase(name, pattern) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Trust:
    """Judges signatures by the keys of authors that are registered. One that is there must hold, required or not."""

    authors: AuthorStore
    policy: Policy
    clock: Clock

    async def check(self, module: Module | Claim) -> AuthorKey | None:
        """The key that signed it; None without a signature. Raises `Distrusted`."""
        signature = module.signature
        if signature is None:
            if self.policy.requires(module.name):
                hint = "hengio module sign signs it; the settings modules.require_signature… ask for it"
                raise _distrusted("signature_missing", module, "is not signed, and must be", hint=hint)
            return None
        key = await self.authors.find(signature.key_id)
        if key is None:
            why = f"is signed with {signature.key_id}, which is no author's key here"
            raise _distrusted("key_unknown", module, why, hint="hengio author add registers an author's public key")
        _check_key(key, module, at=self.clock.now())
        if not signs(key, signature, module):
            raise _distrusted("signature_invalid", module, "has a signature that does not hold")
        return key


def signs(key: AuthorKey, signature: Signature, module: Module | Claim) -> bool:
    """Whether the key signed this binary under this name and version, with this permission request."""
    signed = message(module.digest, name=module.name, version=module.version, requested=module.requested)
    return _verified(key.public_key, signature, signed)


def _check_key(key: AuthorKey, module: Module | Claim, *, at: Micros) -> None:
    """Whether the key counts now, for a module of that name."""
    whose = f"is signed with {key.id} of author '{key.author}', which"
    if key.revoked_at is not None:
        raise _distrusted("key_revoked", module, f"{whose} was revoked at {to_iso(key.revoked_at)}")
    if at < key.not_before:
        raise _distrusted("key_not_yet_valid", module, f"{whose} counts from {to_iso(key.not_before)} on")
    if key.not_after is not None and at >= key.not_after:
        hint = "let the author sign it with a key that counts, and register it again with that"
        raise _distrusted("key_expired", module, f"{whose} counted until {to_iso(key.not_after)}", hint=hint)
    if not key.is_for(module.name):
        why = f"{whose} is for modules named {', '.join(key.modules)}"
        raise _distrusted("key_for_other_modules", module, why)


def _distrusted(code: AlertKind, module: Module | Claim, why: str, *, hint: str = "") -> Distrusted:
    return Distrusted(code, f"module {module.reference} {why}", module=module.reference, module_id=module.id, hint=hint)
