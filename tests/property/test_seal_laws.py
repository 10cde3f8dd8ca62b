"""Laws of sealed artefacts: what was closed opens, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hengio.sandbox.wasmtime.artefacts.seal import HEAD_BYTES, Identity, Seal

SEAL = Seal(b"s" * 32)
texts = st.text(max_size=8)
identities = st.builds(Identity, texts, texts, texts)
codes = st.binary(max_size=200)


@given(identity=identities, code=codes)
def test_what_was_closed_opens_for_the_same_identity(identity: Identity, code: bytes) -> None:
    assert SEAL.open(identity, SEAL.close(identity, code)) == code


@pytest.mark.requirement("R14")
@given(identity=identities, code=codes, data=st.data())
def test_no_altered_bit_no_other_length_and_no_other_secret_opens(
    identity: Identity, code: bytes, data: st.DataObject
) -> None:
    sealed = SEAL.close(identity, code)
    at, bit = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(0, 7))
    assert SEAL.open(identity, sealed[:at] + bytes([sealed[at] ^ 1 << bit]) + sealed[at + 1 :]) is None
    assert SEAL.open(identity, sealed[:at]) is None
    assert SEAL.open(identity, sealed + data.draw(st.binary(min_size=1, max_size=9))) is None
    assert Seal(data.draw(st.binary(min_size=32, max_size=32))).open(identity, sealed) is None


@given(one=identities, other=identities, code=codes)
def test_it_opens_for_no_other_identity_and_lies_under_another_name(
    one: Identity, other: Identity, code: bytes
) -> None:
    assume(one != other)
    assert SEAL.open(other, SEAL.close(one, code)) is None
    assert SEAL.name(one) != SEAL.name(other)


@given(text=st.text(min_size=1, max_size=12), code=codes, data=st.data())
def test_the_same_letters_divided_otherwise_are_another_identity(text: str, code: bytes, data: st.DataObject) -> None:
    cuts = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    first, second = data.draw(cuts), data.draw(cuts)
    assume(first != second)
    one, other = (Identity(text[:a], text[a:b], text[b:]) for a, b in (first, second))
    assert SEAL.open(other, SEAL.close(one, code)) is None
    assert SEAL.name(one) != SEAL.name(other)


@given(identity=identities, data=st.binary(max_size=2 * HEAD_BYTES))
def test_bytes_that_were_never_closed_do_not_open(identity: Identity, data: bytes) -> None:
    assert SEAL.open(identity, data) is None


@given(identity=identities)
def test_a_name_is_64_digits_whatever_it_is_of(identity: Identity) -> None:
    name = SEAL.name(identity)
    assert len(name) == 64
    assert set(name) <= set("0123456789abcdef")
