"""What an author signs of a module, to the byte (R14; docs/reference/signatures.md). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from msgspec import Struct

from hengio.model.grant import Grant

DOMAIN = b"hengio module signature v1\x00"
"""Stands before all that is signed, so that a signature of anything else is none of a module."""
KEY_BYTES, SIGNATURE_BYTES = 32, 64


class Signature(Struct, frozen=True):
    """A signature of Ed25519 (RFC 8032, 64 bytes) and the id of the key that made it."""

    key_id: str
    value: bytes


def key_id(public_key: bytes) -> str:
    """The id of a public key: `ed25519:` and the first half of its SHA-256 in hex."""
    return f"ed25519:{hashlib.sha256(public_key).hexdigest()[:32]}"


def canonical(requested: Iterable[Grant]) -> tuple[Grant, ...]:
    """A permission request in the one order that is signed: sorted, without repeats."""
    return tuple(sorted(set(requested)))


def message(digest: str, *, name: str, version: str, requested: Iterable[Grant]) -> bytes:
    """The bytes that are signed: domain tag, SHA-256 of the binary, name, version and permission request.

    Texts are UTF-8 behind their length, and the request behind its count, each as four bytes (big-endian): no two
    modules have the same bytes.
    """
    grants = canonical(requested)
    parts = [_text(name), _text(version), _number(len(grants)), *_texts(grants)]
    return DOMAIN + bytes.fromhex(digest) + b"".join(parts)


def _texts(grants: Iterable[Grant]) -> Iterator[bytes]:
    for grant in grants:
        yield _text(grant.permission)
        yield _text(grant.resource)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _number(len(encoded)) + encoded


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")
