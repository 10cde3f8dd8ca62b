"""What is signed is one thing only, and every other thing is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio.model.grant import PERMISSIONS, Grant
from hengio.model.signature import DOMAIN, Signature, canonical, message
from hengio.registry import signing

AUTHOR = signing.generate()
PUBLIC = signing.public_key(AUTHOR[1])
TEXT = st.text(max_size=12)
GRANTS = st.lists(st.builds(Grant, st.sampled_from(PERMISSIONS), TEXT), max_size=3)
SIGNED = st.tuples(st.binary(min_size=32, max_size=32).map(bytes.hex), TEXT, TEXT, GRANTS)


def bytes_of(what: tuple[str, str, str, list[Grant]]) -> bytes:
    digest, name, version, grants = what
    return message(digest, name=name, version=version, requested=grants)


@pytest.mark.requirement("R14.1")
@given(SIGNED, SIGNED)
def test_two_things_that_differ_are_different_bytes(one: Any, other: Any) -> None:
    same = (*one[:3], canonical(one[3])) == (*other[:3], canonical(other[3]))
    assert (bytes_of(one) == bytes_of(other)) == same


@given(st.tuples(TEXT, TEXT), st.integers(0, 24))
def test_letters_that_move_from_the_name_to_the_version_are_different_bytes(texts: tuple[str, str], at: int) -> None:
    together = "".join(texts)
    name, version = together[:at], together[at:]
    moved = bytes_of(("00" * 32, name, version, []))
    assert (moved == bytes_of(("00" * 32, *texts, []))) == ((name, version) == texts)


@pytest.mark.requirement("R14.1", "R14.2")
@given(SIGNED, st.integers(0, 10_000), st.integers(1, 255))
def test_a_signature_holds_for_its_bytes_and_for_no_other(what: Any, place: int, change: int) -> None:
    signed = bytes_of(what)
    signature = signing.sign(AUTHOR[0], signed)
    assert signing.holds(PUBLIC, signature, signed)
    altered = bytearray(signed)
    altered[place % len(altered)] ^= change
    assert not signing.holds(PUBLIC, signature, bytes(altered))
    broken = bytearray(signature.value)
    broken[place % len(broken)] ^= change
    assert not signing.holds(PUBLIC, Signature(signature.key_id, bytes(broken)), signed)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_what_is_no_key_or_no_signature_holds_for_nothing(public: bytes, value: bytes) -> None:
    assert not signing.holds(public, Signature("ed25519:x", value), b"anything")


def test_the_bytes_are_as_the_reference_says() -> None:
    digest = hashlib.sha256(b"binary").digest()
    grants = [Grant("file:write", "out/*"), Grant("file:read", "in/ä"), Grant("file:write", "out/*")]
    expected = DOMAIN + digest
    expected += b"\x00\x00\x00\x05clean" + b"\x00\x00\x00\x051.2.0" + b"\x00\x00\x00\x02"
    expected += b"\x00\x00\x00\x09file:read" + b"\x00\x00\x00\x05in/\xc3\xa4"
    expected += b"\x00\x00\x00\x0afile:write" + b"\x00\x00\x00\x05out/*"
    assert len(DOMAIN) == 27
    assert message(digest.hex(), name="clean", version="1.2.0", requested=grants) == expected
