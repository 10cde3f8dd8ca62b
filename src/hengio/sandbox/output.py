"""Reads what a module returned by the rules of the ABI (Output): routing, validation, errors, context. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from hengio import codec
from hengio.codec import Raw
from hengio.model.outcome import Failure, OutcomeKind, Reply

KEYS = frozenset({"next_step", "next_steps", "valid", "errors", "error", "context", "output"})
"""The keys that may stand beside `output` for it to be the step's output."""
ENVELOPE_KEYS = frozenset({"hengio", "output", "next_steps", "then", "context", "errors", "error"})
_MARKS = KEYS | {"hengio"}
_ERROR_KEYS = frozenset({"code", "message", "retryable"})
_PARTS: msgspec.json.Decoder[dict[str, Raw]] = msgspec.json.Decoder(dict[str, Raw])


class Reading(NamedTuple):
    """How the output judges the call. `failure` is set unless it succeeded."""

    kind: OutcomeKind
    reply: Reply | None
    failure: Failure | None = None


def read(data: bytes, mode: Literal["auto", "data"]) -> Reading:
    """Judge one output. `data` mode takes any JSON value as it is; `auto` looks for the keys of the ABI.

    Never raises: what is not JSON, not UTF-8 or a malformed envelope is `invalid_output` with the byte offset, if any.
    """
    try:
        value = codec.decode(data)
    except codec.InvalidJson as error:
        return invalid(f"the output is not JSON: {error.message}", offset=error.offset)
    if mode == "data" or not isinstance(value, dict) or _MARKS.isdisjoint(value):
        return Reading(OutcomeKind.SUCCEEDED, Reply(output=Raw(data)))
    if type(value.get("hengio")) is int and value["hengio"] == 1:
        return _envelope(data, value)
    return _plain(data, value)


def invalid(message: str, *, offset: int | None) -> Reading:
    """`invalid_output`, with the byte at which reading stopped."""
    details = None if offset is None else {"offset": offset}
    return Reading(OutcomeKind.INVALID_OUTPUT, None, Failure("invalid_output", message, details, retryable=False))


def _envelope(data: bytes, value: Mapping[str, Any]) -> Reading:
    """The explicit envelope: an unknown key or a wrong shape is an error, since its writer meant every key."""
    unknown = sorted(value.keys() - ENVELOPE_KEYS)
    if unknown:
        return invalid(f"the envelope has unknown keys: {', '.join(unknown)}", offset=None)
    for key, accepts, shape in _ENVELOPE_SHAPES:
        if value.get(key) is not None and not accepts(value[key]):
            return invalid(f"the envelope's {key!r} must be {shape}", offset=None)
    targets, error = value.get("next_steps"), value.get("error")
    return _judged(
        Reply(
            output=_part(data, "output") if "output" in value else Raw(b"null"),
            routing=None if targets is None else tuple(targets),
            then=value.get("then"),
            context=value.get("context"),
            errors=value.get("errors"),
            error=None if error is None else _failure(error),
        )
    )


def _plain(data: bytes, value: Mapping[str, Any]) -> Reading:
    """An ordinary object: each key counts only in exactly its shape, and is data otherwise."""
    one, several = value.get("next_step"), value.get("next_steps")
    routing = (one,) if isinstance(one, str) else tuple(several or ()) if _is_names(several) else None
    context, errors, error = value.get("context"), value.get("errors"), value.get("error")
    alone = value.get("output") is not None and value.keys() <= KEYS
    reply = Reply(
        output=_part(data, "output") if alone else Raw(data),
        routing=routing,
        context=context if isinstance(context, dict) else None,
        errors=errors if value.get("valid") is False and isinstance(errors, list) else None,
        error=_failure(error or {}) if _is_error(error) else None,
    )
    if isinstance(one, str) and _is_names(several):
        both = Failure("invalid_routing", "the output has both 'next_step' and 'next_steps'", retryable=False)
        return Reading(OutcomeKind.FAILED, msgspec.structs.replace(reply, routing=None, errors=None, error=both), both)
    return _judged(reply)


def _judged(reply: Reply) -> Reading:
    """A reported error outweighs validation errors, which outweigh success."""
    if reply.error is not None:
        return Reading(OutcomeKind.FAILED, msgspec.structs.replace(reply, errors=None), reply.error)
    if reply.errors is not None:
        message = f"the module found its input invalid: {len(reply.errors)} error(s)"
        return Reading(OutcomeKind.INVALID, reply, Failure("invalid", message, reply.errors, retryable=False))
    return Reading(OutcomeKind.SUCCEEDED, reply)


def _part(data: bytes, key: str) -> Raw:
    """The bytes of one member, without printing it again: integers and decimals stay as the guest wrote them."""
    return Raw(bytes(_PARTS.decode(data)[key]))


def _failure(error: Mapping[str, Any]) -> Failure:
    return Failure(error["code"], error["message"], retryable=error.get("retryable"))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_error(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= _ERROR_KEYS:
        return False
    texts = isinstance(value.get("code"), str) and isinstance(value.get("message"), str)
    return texts and (value.get("retryable") is None or isinstance(value["retryable"], bool))


_ENVELOPE_SHAPES = (
    ("next_steps", _is_names, "a list of strings"),
    ("then", lambda value: isinstance(value, str), "a string"),
    ("context", lambda value: isinstance(value, dict), "an object"),
    ("errors", lambda value: isinstance(value, list), "a list"),
    ("error", _is_error, "an object of 'code', 'message' and optionally 'retryable'"),
)
