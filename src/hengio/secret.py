"""The installation's secret: how it is written, and keys made from it. Who knows the secret can make all of them."""

from __future__ import annotations

import base64
import binascii
import hmac
import string

LEAST_BYTES = 32


def decode(text: str) -> bytes:
    """The secret in hexadecimal (digits only) or base64 (both alphabets, with or without padding).

    Raises `ValueError`, without quoting it, for anything else and for less than 32 bytes.
    """
    written = text.strip()
    if written and set(written) <= set(string.hexdigits) and len(written) % 2 == 0:
        secret = bytes.fromhex(written)
    else:
        secret = _base64(written)
    if len(secret) < LEAST_BYTES:
        raise ValueError(f"has {len(secret)} bytes, {LEAST_BYTES} are the least")
    return secret


def derive(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, which tells nothing of the secret or of other keys (HKDF-SHA256, RFC 5869)."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")


def _base64(written: str) -> bytes:
    padded = written.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):  # from None: the error's own text may quote it
        raise ValueError("is neither base64 nor hexadecimal") from None
