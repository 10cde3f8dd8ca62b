"""The chain of the audit log (H8.10): each entry holds the hash of the one before, and a seal that only the
installation's secret makes.

An entry's hash is the SHA-256 of what it says, its number and the hash before. Its seal is an HMAC-SHA256 of that hash
under a key that is derived from the secret, so whoever can only write to the database can not make one. The end of the
chain is sealed as well, so that entries which are cut off there are missed. A key that was dropped since is not needed:
a later entry under a key that is here covers all entries before it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from msgspec import Struct

from hengio import codec

FORMAT = "hengio audit 1"
START = hashlib.sha256(FORMAT.encode()).hexdigest()
"""What the first entry follows."""

FaultKind = Literal["altered", "missing", "out_of_place", "forged", "cut_off", "unknown_key", "unexpected"]


class AuditKey(Protocol):
    """A key and the id that is kept beside what it sealed."""

    @property
    def id(self) -> str: ...

    @property
    def bytes(self) -> bytes: ...


class AuditKeys(Protocol):
    """The keys that seals are made with, all derived from secrets of the installation."""

    @property
    def current(self) -> AuditKey:
        """What a chain begins with, and goes on with where its key is not here."""
        ...

    def known(self, key_id: str) -> AuditKey | None:
        """The key of that id, if it is here."""
        ...


class Content(Struct, frozen=True, kw_only=True):
    """What an entry says, as it is kept: `detail` is a JSON text."""

    id: str
    at: int
    action: str
    actor: str
    subject: str
    execution_id: str | None
    step_id: str | None
    detail: str


class Link(Struct, frozen=True, kw_only=True):
    """Where an entry stands: numbers begin with 1 and have no gaps. Hashes and seals are hexadecimal."""

    sequence: int
    previous: str
    hash: str
    key_id: str
    seal: str


class End(Struct, frozen=True, kw_only=True):
    """The end of the chain, sealed in its turn; without a key nothing was added yet."""

    sequence: int = 0
    hash: str = START
    key_id: str | None = None
    seal: str = ""


class Anchor(Struct, frozen=True):
    """An entry's number and hash as somebody kept them elsewhere."""

    sequence: int
    hash: str


class Fault(Struct, frozen=True):
    """The first thing that is wrong: the number of the entry, its id where there is an entry, and what it means."""

    kind: FaultKind
    sequence: int
    id: str | None
    message: str


def link(content: Content, *, sequence: int, previous: str, key: AuditKey) -> Link:
    """Let an entry follow the one with that hash."""
    made = digest(content, sequence=sequence, previous=previous)
    return Link(sequence=sequence, previous=previous, hash=made, key_id=key.id, seal=_seal(key, f"entry {made}"))


def end(sequence: int, made: str, *, key: AuditKey) -> End:
    """Seal the end of the chain."""
    return End(sequence=sequence, hash=made, key_id=key.id, seal=_seal(key, f"end {sequence} {made}"))


def digest(content: Content, *, sequence: int, previous: str) -> str:
    """The hash of an entry at that place."""
    every = [FORMAT, sequence, previous, *(getattr(content, name) for name in content.__struct_fields__)]
    return hashlib.sha256(codec.encode(every)).hexdigest()


def is_sealed(found: End, keys: AuditKeys) -> bool:
    """Whether the seal of that end holds: a chain without entries has none."""
    if found.key_id is None:
        return found == End()
    key = keys.known(found.key_id)
    return key is not None and hmac.compare_digest(found.seal, end(found.sequence, found.hash, key=key).seal)


@dataclass(slots=True)
class Verifier:
    """Reads a chain in its order, after the entry `sequence` with the hash `hash`; the first fault is kept."""

    keys: AuditKeys
    sequence: int = 0
    hash: str = START
    anchor: Anchor | None = None
    entries: int = 0
    fault: Fault | None = None
    _open: tuple[int, str, str] | None = None
    """The first entry under a key that is not here, and that no later one covers yet."""

    def read(self, found: Iterable[tuple[Content, Link]]) -> None:
        """Take the next entries, until one is at fault."""
        for content, given in found:
            self.fault = self.fault or self._misplaced(content, given) or self._unsealed(content, given)
            if self.fault is not None:
                return
            self.sequence, self.hash = given.sequence, given.hash
            self.entries += 1

    def finish(self, found: End | None) -> None:
        """Compare with the end of the chain, which was read after all entries."""
        if self.fault is None:
            self.fault = self._fault_at_end(found)

    def _misplaced(self, content: Content, given: Link) -> Fault | None:
        number = self.sequence + 1
        if given.sequence > number:
            return Fault("missing", number, None, f"entry {number} is missing; the next is {given.sequence}")
        if given.hash != digest(content, sequence=given.sequence, previous=given.previous):
            return Fault("altered", number, content.id, f"entry {number} does not say what it said")
        if given.previous != self.hash:
            return Fault("out_of_place", number, content.id, f"entry {number} does not follow the one before it")
        if self.anchor is not None and number == self.anchor.sequence and given.hash != self.anchor.hash:
            return Fault("unexpected", number, content.id, f"entry {number} is not the one that was expected")
        return None

    def _unsealed(self, content: Content, given: Link) -> Fault | None:
        number = given.sequence
        key = self.keys.known(given.key_id)
        if key is None:
            self._open = self._open or (number, content.id, given.key_id)
            return None
        if not hmac.compare_digest(given.seal, _seal(key, f"entry {given.hash}")):
            return Fault("forged", number, content.id, f"the seal of entry {number} does not hold")
        self._open = None
        return None

    def _fault_at_end(self, found: End | None) -> Fault | None:
        if found is None:
            return Fault("cut_off", self.sequence + 1, None, "the end of the chain is not there")
        last = max(found.sequence, 0 if self.anchor is None else self.anchor.sequence)
        if last > self.sequence:
            number = self.sequence + 1
            return Fault("cut_off", number, None, f"entries from {number} to {last} are cut off")
        if self._open is not None:
            number, named, key_id = self._open
            return Fault("unknown_key", number, named, f"entry {number} is sealed under {key_id}, which is not here")
        if (found.sequence, found.hash) != (self.sequence, self.hash) or not is_sealed(found, self.keys):
            return Fault("forged", self.sequence, None, "the seal of the chain's end does not hold")
        return None


def _seal(key: AuditKey, text: str) -> str:
    return hmac.digest(key.bytes, text.encode(), "sha256").hex()
