"""Seals artefacts: code that this installation did not make, for this very module, is never loaded.

An artefact is native code: whoever could alter one would run what he likes as Hengio. Pure; keys and bytes in, bytes
out. A sealed artefact is `MAGIC`, a keyed BLAKE2b of 32 bytes over what the code is of and the code, then the code.
"""

from __future__ import annotations

import hashlib
import hmac

from msgspec import Struct

from hengio.secret import derive

MAGIC = b"HENGIO\x00\x01"
"""The last byte is the form's version."""
_MAC_BYTES = 32
HEAD_BYTES = len(MAGIC) + _MAC_BYTES


class Identity(Struct, frozen=True):
    """What code is of: a module by the SHA-256 of its binary, a tier, and a fingerprint of the engine."""

    digest: str
    tier: str
    fingerprint: str


class Seal:
    """Seals and opens with keys that are made from the installation's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = derive(secret, "hengio artefacts: seal")
        self._naming = derive(secret, "hengio artefacts: name")

    def name(self, identity: Identity) -> str:
        """The artefact's name where it is kept, 64 hexadecimal digits whatever the identity holds.

        Another engine or another secret has other names: what they left is not found, and so not refused either.
        """
        return _mac(self._naming, identity).hexdigest()

    def close(self, identity: Identity, code: bytes) -> bytes:
        """The sealed artefact."""
        return b"".join((MAGIC, self._of(identity, code), code))

    def open(self, identity: Identity, sealed: bytes) -> bytes | None:
        """The code; None unless these bytes were sealed here, whole, and for this identity."""
        if not sealed.startswith(MAGIC):
            return None
        code = sealed[HEAD_BYTES:]
        return code if hmac.compare_digest(sealed[len(MAGIC) : HEAD_BYTES], self._of(identity, code)) else None

    def _of(self, identity: Identity, code: bytes) -> bytes:
        mac = _mac(self._key, identity)
        mac.update(code)
        return mac.digest()


def _mac(key: bytes, identity: Identity) -> hashlib.blake2b:
    """Over the identity so far. Each part goes in with its length, so that no two identities are the same bytes."""
    mac = hashlib.blake2b(MAGIC, key=key, digest_size=_MAC_BYTES)
    for part in (identity.digest, identity.tier, identity.fingerprint):
        data = part.encode()
        mac.update(len(data).to_bytes(8, "little"))
        mac.update(data)
    return mac
