"""The public key by which a server is known: how it is written, and how an offered one is compared (H4.4).

Accepted are what people have at hand: a line of `known_hosts` (or several, as `ssh-keyscan` prints them), the key as an
authorized key has it, or its fingerprint as `ssh-keygen -l` shows it. Host names in a line mean nothing here: the key
belongs to the connection that names it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from msgspec import Struct

from hengio.errors import Refused

HINT = "give a line of known_hosts, the key itself (ssh-ed25519 AAAA…) or its fingerprint (SHA256:…)"
MOST_BYTES = 64 << 10
_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?")
_SIGNATURES = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""How a server proves that it has a key of each kind; signatures with SHA-1 are none."""
ALGORITHMS = tuple(signature for signatures in _SIGNATURES.values() for signature in signatures)
_FAMILIES = (
    _SIGNATURES["ssh-ed25519"],
    tuple(name for name in ALGORITHMS if name.startswith("ecdsa")),
    _SIGNATURES["ssh-rsa"],
)


class HostKeys(Struct, frozen=True):
    """The keys a server may have: their fingerprints (`SHA256:…`), and their kinds as far as they are known."""

    fingerprints: frozenset[str]
    kinds: tuple[str, ...] = ()

    def accept(self, offered: bytes) -> bool:
        """Whether the key (its SSH encoding, RFC 4253 6.6) is one of them."""
        return fingerprint(offered) in self.fingerprints

    def rounds(self) -> tuple[tuple[str, ...], ...]:
        """Which signatures to ask a server for, one connection after the other until a key is one of these.

        A server has keys of several kinds and shows one. Of a fingerprint the kind is not known, so that all are asked
        for; a known kind that the server lacks is followed by any, to say what it has instead.
        """
        if self.kinds:
            return (tuple(name for kind in self.kinds for name in _SIGNATURES[kind]), ALGORITHMS)
        return _FAMILIES


def fingerprint(key: bytes) -> str:
    """`SHA256:…` of a public key in its SSH encoding, as OpenSSH writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def parse(text: str) -> HostKeys:
    """What `host_key` says. Raises `Refused` for what names no key."""
    if len(text) > MOST_BYTES:
        raise Refused(f"host_key has more than {MOST_BYTES >> 10} KiB", hint=HINT)
    lines = [words for line in text.splitlines() if (words := line.split()) and not words[0].startswith("#")]
    if not lines:
        raise Refused("host_key is empty", hint=HINT)
    bare = [found for words in lines if (found := _FINGERPRINT.fullmatch(words[0]))]
    keys = [_key(words) for words in lines if not _FINGERPRINT.fullmatch(words[0])]
    prints = {f"SHA256:{found[1]}" for found in bare} | {fingerprint(key) for _, key in keys}
    kinds = () if bare else tuple(dict.fromkeys(kind for kind, _ in keys))
    return HostKeys(frozenset(prints), kinds)


def _key(words: list[str]) -> tuple[str, bytes]:
    """Kind and encoding of the key in a line; what stands before the kind is a host, after the key a comment."""
    if words[0].startswith("@"):
        raise Refused(f"host_key: a line with {words[0][:20]} is not a server's key", hint=HINT)
    if words[0].startswith("SHA256:"):
        raise Refused("host_key: behind SHA256: a fingerprint has 43 letters of base64", hint=HINT)
    place = next((place for place, word in enumerate(words[:2]) if word in _SIGNATURES), None)
    if place is None or len(words) < place + 2:
        raise Refused(f"host_key has no key of a known kind ({', '.join(_SIGNATURES)})", hint=HINT)
    kind, encoded = words[place], words[place + 1]
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("host_key: the key is not base64", hint=HINT) from error
    name = kind.encode()
    if not key.startswith(len(name).to_bytes(4, "big") + name):
        raise Refused(f"host_key: the key is not one of kind {kind}", hint=HINT)
    return kind, key
