"""Seals a text for one place: AES-256-GCM, a random nonce, and the place as associated data (H6.2).

What was sealed for one variable is nothing under another's name, scope or table.
"""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hengio import codec
from hengio.errors import Corrupt
from hengio.storage.vault import Place, Stored
from hengio.vault.keys import Key, KeyMissing, KeyRing

_NONCE_BYTES = 12
_VERSION = 1


def seal(key: Key, place: Place, text: bytes) -> Stored:
    """The text as it is kept: base64 of nonce and ciphertext."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key.bytes).encrypt(nonce, text, _bound(place))
    return Stored(base64.b64encode(nonce + sealed).decode(), key.id)


def opened(ring: KeyRing, place: Place, stored: Stored) -> bytes:
    """The text. Raises `KeyMissing` where its key is not here, and `Corrupt` for what was altered or moved."""
    if stored.key_id is None:
        return stored.text.encode()
    try:
        key = ring.find(stored.key_id)
    except KeyMissing as error:
        raise KeyMissing(f"the {_called(place)} is sealed, and {error.message}", hint=error.hint) from None
    try:
        data = base64.b64decode(stored.text, validate=True)
        return AESGCM(key.bytes).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(place))
    except (InvalidTag, ValueError, binascii.Error):
        raise Corrupt(
            f"the {_called(place)} is not what was sealed with the key {key.id}", hint="set it again, or restore it"
        ) from None


def _bound(place: Place) -> bytes:
    return codec.encode(["hengio", _VERSION, place.table, place.scope, place.name])


def _called(place: Place) -> str:
    return f"{place.table.removesuffix('s')} '{place.name}'"
