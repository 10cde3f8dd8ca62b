"""The key by which a receiver knows a repeated request (H5; the header `Idempotency-Key` of an IETF draft)."""

from __future__ import annotations

import hashlib

from hengio.targets.http.message import READS

HEADER = "idempotency-key"


def idempotency_key(key: str, number: int) -> str:
    """Equal for the same request of the same visit of a step, whichever attempt, rerun or redrive makes it."""
    return hashlib.sha256(f"hengio idempotency\n{key}\n{number}".encode()).hexdigest()[:32]


def keyed(headers: tuple[tuple[str, str], ...], *, method: str, key: str, number: int) -> tuple[tuple[str, str], ...]:
    """The headers (names in lower case) with the key, if the method changes something and no key is given."""
    if method in READS or any(name == HEADER for name, _ in headers):
        return headers
    return (*headers, (HEADER, idempotency_key(key, number)))
