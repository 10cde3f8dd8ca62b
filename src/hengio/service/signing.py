"""Signatures of webhook calls: HMAC-SHA256 over the time and the body as it was sent (H2.2, RFC 2104). Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from hengio.clock import SECOND, Micros

TIMESTAMP = "x-hengio-timestamp"
SIGNATURE = "x-hengio-signature"
WINDOW_SECONDS = 300
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_SCHEME = "sha256="
_MOST_SIGNATURES = 16


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the hexadecimal HMAC of `timestamp.body` under the secret."""
    made = hmac.new(secret.encode(), timestamp.encode() + b".", "sha256")  # keeps the interpreter's lock for short ones
    made.update(body)
    return _SCHEME + made.hexdigest()


def fault(secret: str, body: bytes, *, timestamps: Sequence[str], signatures: Sequence[str], now: Micros) -> str:
    """What keeps a call from being one of somebody who knows the secret, within five minutes; empty if nothing does.

    `timestamps` and `signatures` are the values of those headers; one of several signatures, separated by commas, is
    enough, so that a sender can go over to another secret. They are compared in constant time.
    """
    if len(timestamps) != 1 or not _SECONDS.fullmatch(timestamps[0]):
        return "no timestamp" if not timestamps else "the timestamp is not one of seconds since 1970"
    if abs(now - int(timestamps[0]) * SECOND) > WINDOW_SECONDS * SECOND:
        return "the timestamp is not within five minutes"
    given = [one.strip() for value in signatures for one in value.split(",")][:_MOST_SIGNATURES]
    if not given:
        return "no signature"
    wanted = signature(secret, timestamps[0], body).encode()
    holds = [hmac.compare_digest(wanted, one.lower().encode()) for one in given]
    return "" if any(holds) else "the signature is not that of this body and time under this secret"


def fingerprint(timestamp: str, body: bytes) -> str:
    """The same for every repetition of a call, whichever secret signed it, and for no other call."""
    return hashlib.sha256(timestamp.encode() + b"." + body).hexdigest()
