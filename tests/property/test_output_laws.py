"""Laws that hold for every output of a module."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio import codec
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.output import ENVELOPE_KEYS, KEYS, read

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
keys = st.sampled_from(sorted(KEYS | ENVELOPE_KEYS)) | st.text(max_size=3)
shapes = st.sampled_from(["b", ["b", "c"], [], False, {"code": "x", "message": "m"}, {"n": 1}, 1])
objects = st.dictionaries(keys, values | shapes, max_size=6)
FAILING = {OutcomeKind.FAILED, OutcomeKind.INVALID, OutcomeKind.INVALID_OUTPUT}


@given(value=values | objects)
def test_data_mode_gives_back_every_value(value: Any) -> None:
    found = read(codec.encode(value), "data")
    assert found.kind is OutcomeKind.SUCCEEDED
    assert found.reply is not None
    assert codec.decode(found.reply.output) == codec.decode(codec.encode(value))


@pytest.mark.requirement("R1.4")
@given(value=objects)
def test_an_object_is_judged_without_a_fault_and_its_output_is_json(value: dict[str, Any]) -> None:
    found = read(codec.encode(value), "auto")
    assert (found.failure is not None) == (found.kind in FAILING)
    if found.reply is not None:
        codec.decode(found.reply.output)
        assert found.reply.errors is None or found.reply.error is None


@given(value=objects)
def test_without_an_envelope_every_object_is_accepted(value: dict[str, Any]) -> None:
    value.pop("hengio", None)
    assert read(codec.encode(value), "auto").kind is not OutcomeKind.INVALID_OUTPUT


@given(value=st.dictionaries(keys.filter(lambda key: key != "output"), values | shapes, max_size=6))
def test_without_output_the_whole_object_is_the_output(value: dict[str, Any]) -> None:
    value.pop("hengio", None)
    found = read(codec.encode(value), "auto").reply
    assert found is not None
    assert bytes(found.output) == codec.encode(value)


@given(value=objects, unknown=st.text(min_size=1).filter(lambda key: key not in ENVELOPE_KEYS))
def test_an_unknown_key_makes_an_envelope_invalid(value: dict[str, Any], unknown: str) -> None:
    assert read(codec.encode({**value, unknown: 1, "hengio": 1}), "auto").kind is OutcomeKind.INVALID_OUTPUT


@given(data=st.binary())
def test_any_bytes_are_judged(data: bytes) -> None:
    for mode in ("auto", "data"):
        found = read(data, mode)  # type: ignore[arg-type]
        assert (found.reply is None) == (found.kind is OutcomeKind.INVALID_OUTPUT)
