"""Authors of modules, who have keys and sign."""

from __future__ import annotations

from dataclasses import dataclass, field

from hengio.model.grant import Grant
from hengio.model.signature import canonical, key_id, message
from hengio.registry import signing
from hengio.registry.letter import Letter
from tests.support.guests import digest


@dataclass(frozen=True)
class Author:
    """A pair of keys, PEM."""

    keys: tuple[bytes, bytes] = field(default_factory=signing.generate)

    @property
    def public(self) -> bytes:
        """What an administrator registers."""
        return self.keys[1]

    @property
    def key_id(self) -> str:
        """The id of the key."""
        return key_id(signing.public_key(self.public))

    def letter(self, binary: bytes, name: str, version: str = "1.0.0", *requested: Grant) -> Letter:
        """A signature of the binary under that name and version, which asks for these permissions."""
        asked = canonical(requested)
        found = signing.sign(self.keys[0], message(digest(binary), name=name, version=version, requested=asked))
        return Letter(
            name=name,
            version=version,
            digest=f"sha256:{digest(binary)}",
            permissions=asked,
            key_id=found.key_id,
            signature=found.value,
        )
