"""Signing a module and checking that, with Ed25519 (RFC 8032); keys as files in PEM."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from hengio.errors import Refused
from hengio.model.signature import KEY_BYTES, SIGNATURE_BYTES, Signature, key_id

_HINT = "hengio module keygen makes a pair of keys"


def generate() -> tuple[bytes, bytes]:
    """A new private key (PKCS #8) and its public key (SubjectPublicKeyInfo), both PEM."""
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(private_pem: bytes, message: bytes) -> Signature:
    """Sign. `Refused` for what is no private key of Ed25519 in PEM."""
    try:
        private = load_pem_private_key(private_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # a TypeError: it needs a password
        raise Refused("this is no private key that can be read", hint=_HINT) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise Refused("this is no private key of Ed25519", hint=_HINT)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Signature(key_id(public), private.sign(message))


def public_key(pem: bytes) -> bytes:
    """The 32 bytes of a public key in PEM. `Refused` for anything else, a private key above all."""
    if b"PRIVATE KEY" in pem:
        raise Refused("this is a private key: only the public one is registered", hint="the file that ends with .pub")
    try:
        found = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused("this is no public key in PEM", hint=_HINT) from error
    if not isinstance(found, Ed25519PublicKey):
        raise Refused("this is no public key of Ed25519", hint=_HINT)
    return found.public_bytes(Encoding.Raw, PublicFormat.Raw)


def holds(public: bytes, signature: Signature, message: bytes) -> bool:
    """Whether the key with these 32 bytes signed these bytes."""
    if len(public) != KEY_BYTES or len(signature.value) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature.value, message)
    except (InvalidSignature, ValueError):
        return False
    return True
