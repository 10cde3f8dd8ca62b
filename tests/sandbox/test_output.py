"""How outputs are read (ABI: Output)."""

from __future__ import annotations

import pytest

from hengio import codec
from hengio.model.outcome import Failure, OutcomeKind, Reply
from hengio.sandbox.output import Reading, read

OK, FAILED = OutcomeKind.SUCCEEDED, OutcomeKind.FAILED
INVALID, INVALID_OUTPUT = OutcomeKind.INVALID, OutcomeKind.INVALID_OUTPUT


def auto(value: object) -> Reading:
    return read(codec.encode(value), "auto")


def reply(value: object) -> Reply:
    found = auto(value).reply
    assert found is not None
    return found


def output(value: object) -> object:
    return codec.decode(reply(value).output)


@pytest.mark.requirement("R1.4")
@pytest.mark.parametrize("value", [None, 1, "text", [1, 2], {}, {"a": 1}, {"a": {"next_step": "b"}}])
def test_plain_data_is_the_output(value: object) -> None:
    assert auto(value).kind is OK
    assert output(value) == value


def test_the_bytes_are_kept_as_the_guest_wrote_them() -> None:
    data = b'{"price": 1.10, "id": 123456789012345678901234567890}'
    found = read(data, "auto").reply
    assert found is not None
    assert bytes(found.output) == data


def test_next_step_routes_to_one_step() -> None:
    assert reply({"next_step": "b", "n": 1}).routing == ("b",)
    assert output({"next_step": "b", "n": 1}) == {"next_step": "b", "n": 1}


def test_next_steps_route_to_all_and_none_ends_the_job() -> None:
    assert reply({"next_steps": ["b", "c"]}).routing == ("b", "c")
    assert reply({"next_steps": []}).routing == ()


@pytest.mark.parametrize(
    "value",
    [
        {"next_step": 5}, {"next_step": ["b"]}, {"next_steps": "b"}, {"next_steps": ["b", 1]}, {"valid": False},
        {"valid": False, "errors": "no"}, {"valid": 0, "errors": ["no"]}, {"valid": True, "errors": ["no"]},
        {"errors": ["no"]}, {"error": "text"}, {"error": {"code": "x"}}, {"error": {"code": 1, "message": "m"}},
        {"error": {"code": "x", "message": "m", "retryable": "yes"}}, {"context": [1]}, {"hengio": True, "x": 1},
        {"error": {"code": "x", "message": "m", "more": 1}}, {"hengio": 2, "x": 1}, {"hengio": "1"},
    ],
)  # fmt: skip
def test_a_key_of_another_shape_is_data(value: object) -> None:
    found = auto(value)
    assert found.kind is OK
    assert found.reply == Reply(output=codec.Raw(codec.encode(value)))


@pytest.mark.parametrize("key", ["next_step", "next_steps", "errors", "error", "context", "output"])
def test_null_means_absent(key: str) -> None:
    found = auto({key: None, "valid": False, "n": 1})
    assert found.kind is OK
    assert found.reply is not None
    assert (found.reply.routing, found.reply.context) == (None, None)


def test_both_routing_keys_at_once_are_invalid_routing() -> None:
    found = auto({"next_step": "b", "next_steps": ["c"]})
    assert found.kind is FAILED
    assert found.failure is not None
    assert found.failure.code == "invalid_routing"
    assert found.failure.retryable is False


def test_valid_false_with_errors_is_a_validation_failure() -> None:
    found = auto({"valid": False, "errors": [{"row": 3}, "bad"]})
    assert found.kind is INVALID
    assert found.reply is not None
    assert found.reply.errors == [{"row": 3}, "bad"]
    assert found.failure is not None
    assert found.failure.details == [{"row": 3}, "bad"]
    assert found.failure.retryable is False


@pytest.mark.parametrize("retryable", [None, True, False])
def test_an_error_fails_the_step_with_its_own_words(retryable: bool | None) -> None:
    found = auto({"error": {"code": "no_rows", "message": "nothing to do", "retryable": retryable}, "n": 1})
    assert found.kind is FAILED
    assert found.failure == Failure("no_rows", "nothing to do", retryable=retryable)


def test_an_error_outweighs_validation_errors() -> None:
    found = auto({"valid": False, "errors": ["no"], "error": {"code": "x", "message": "m"}})
    assert found.kind is FAILED
    assert found.reply is not None
    assert found.reply.errors is None


def test_context_is_merged_beside_the_data() -> None:
    assert reply({"context": {"region": None, "n": 1}, "rows": 3}).context == {"region": None, "n": 1}


def test_output_counts_only_among_its_own_kind() -> None:
    assert output({"output": [1, 2], "next_step": "b", "context": {}}) == [1, 2]
    assert output({"output": 5}) == 5
    assert output({"output": 5, "total": 1}) == {"output": 5, "total": 1}
    assert output({"output": 5, "total": None}) == {"output": 5, "total": None}


def test_the_envelope_says_everything_explicitly() -> None:
    found = auto({"hengio": 1, "output": {"next_step": "data"}, "next_steps": ["b"], "then": "c", "context": {"n": 1}})
    assert found.kind is OK
    assert found.reply == Reply(output=codec.Raw(b'{"next_step":"data"}'), routing=("b",), then="c", context={"n": 1})
    assert output({"hengio": 1}) is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"hengio": 1, "next_step": "b"}, "next_step"),
        ({"hengio": 1, "result": 1, "rows": 2}, "result, rows"),
        ({"hengio": 1, "next_steps": "b"}, "'next_steps' must be a list of strings"),
        ({"hengio": 1, "then": 5}, "'then' must be a string"),
        ({"hengio": 1, "context": []}, "'context' must be an object"),
        ({"hengio": 1, "errors": {}}, "'errors' must be a list"),
        ({"hengio": 1, "error": {"code": "x"}}, "'error' must be an object of"),
    ],
)
def test_an_envelope_with_a_mistake_is_an_invalid_output(value: object, told: str) -> None:
    found = auto(value)
    assert found.kind is INVALID_OUTPUT
    assert found.failure is not None
    assert told in found.failure.message


def test_an_envelope_may_report_errors() -> None:
    assert auto({"hengio": 1, "errors": ["no"]}).kind is INVALID
    assert auto({"hengio": 1, "error": {"code": "x", "message": "m"}}).kind is FAILED


@pytest.mark.parametrize("mode", ["auto", "data"])
@pytest.mark.parametrize(
    ("data", "offset"),
    [(b"", 0), (b"{nope", 1), (b'{"a":1', 6), (b'{"a":"\xff"}', 6), (b"NaN", 0)],
)
def test_what_is_not_json_is_told_with_its_offset(mode: str, data: bytes, offset: int) -> None:
    found = read(data, mode)  # type: ignore[arg-type]
    assert found.kind is INVALID_OUTPUT
    assert found.failure is not None
    assert found.failure.details == {"offset": offset}


def test_endless_nesting_is_an_invalid_output() -> None:
    assert read(b"[" * 100_000, "auto").kind is INVALID_OUTPUT
