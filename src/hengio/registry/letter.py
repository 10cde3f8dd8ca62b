"""A detached signature as a file beside its module (R14): JSON, so that a person sees what was signed and by whom."""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from msgspec import Struct

from hengio.errors import Refused
from hengio.model.grant import Grant
from hengio.model.signature import Signature, canonical, message

MOST_BYTES = 1 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Letter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an author says of a binary: this is `name@version`, and asks for these permissions. `digest` is `sha256:`
    and 64 hex digits, `signature` base64."""

    hengio_signature: Literal[1] = 1
    name: str
    version: str
    digest: str
    permissions: tuple[Grant, ...] = ()
    key_id: str
    signature: bytes

    @property
    def signed(self) -> Signature:
        """The signature itself."""
        return Signature(self.key_id, self.signature)

    @property
    def requested(self) -> tuple[Grant, ...]:
        """The permissions in the order that is signed."""
        return canonical(self.permissions)

    @property
    def hex_digest(self) -> str:
        """The digest as modules have it."""
        return self.digest.removeprefix("sha256:")

    @property
    def message(self) -> bytes:
        """The bytes that were signed."""
        return message(self.hex_digest, name=self.name, version=self.version, requested=self.permissions)


def read(data: bytes) -> Letter:
    """A signature file. `Refused` for what is none."""
    try:
        if len(data) > MOST_BYTES:
            raise msgspec.ValidationError(f"it has more than {MOST_BYTES} bytes")
        found = msgspec.json.decode(data, type=Letter)
        if _DIGEST.fullmatch(found.digest) is None:
            raise msgspec.ValidationError("its digest is not `sha256:` and 64 hex digits")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"this is no signature file: {error}", hint="hengio module sign writes one") from error
    return found


def write(letter: Letter) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(letter), indent=2) + b"\n"
