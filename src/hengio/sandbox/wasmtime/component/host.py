"""The functions of `hengio:module/host` (sdk/abi/hengio.wit): those of core modules with texts instead of pointers."""

from __future__ import annotations

import base64
import binascii

from hengio.sandbox.host.answer import Answer, refusal
from hengio.sandbox.host.log import LEVELS
from hengio.sandbox.protocol import OutsideFunction, Status
from hengio.sandbox.wasmtime.abi import REQUEST_LIMIT, too_many
from hengio.sandbox.wasmtime.component.callback import HostFunction
from hengio.sandbox.wasmtime.component.values import Err, Ok, Text, Value
from hengio.sandbox.wasmtime.guest import Guest

INTERFACE = "hengio:module/host"
_TEXTS = "result<string, string>"


def log(guest: Guest, level: bytes, line: bytes) -> None:
    """`log`."""
    guest.host_calls += 1
    if guest.host_calls > guest.call.limits.host_calls:
        guest.logs.dropped += 1
        return
    name = level.decode()
    guest.logs.add(name if name in LEVELS else "info", line)


def get_context(guest: Guest, path: bytes) -> Value:
    """`get-context`."""
    calls = guest.context_calls
    return _answer(too_many(guest) or calls.admits(len(path)) or guest.world.get_context(path))


def set_context(guest: Guest, key: bytes, value: bytes) -> Value:
    """`set-context`."""
    calls = guest.context_calls
    status, reply = too_many(guest) or calls.admits(len(key), len(value)) or guest.world.set_context(key, value)
    return Ok() if status is Status.OK else Err(Text(reply))


def http_request(guest: Guest, request: bytes) -> Value:
    """`http-request`."""
    return _answer(_ask(guest, "http_request", request))


def db_query(guest: Guest, request: bytes) -> Value:
    """`db-query`."""
    return _answer(_ask(guest, "db_query", request))


def file_read(guest: Guest, path: bytes) -> Value:
    """`file-read`: the bytes in base64."""
    status, reply = _ask(guest, "file_read", path)
    return _answer((status, base64.b64encode(reply) if status is Status.OK else reply))


def file_write(guest: Guest, path: bytes, data: bytes) -> Value:
    """`file-write`: of bytes in base64."""
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        guest.host_calls += 1
        return _answer(refusal(Status.INVALID_REQUEST, f"the data is not base64: {error}"))
    return _answer(_ask(guest, "file_write", path, content))


def _ask(guest: Guest, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answer:
    denied = too_many(guest)
    if denied is None and len(request) + len(data) > REQUEST_LIMIT:
        denied = refusal(Status.LIMIT_EXCEEDED, f"a request has at most {REQUEST_LIMIT} bytes")
    if denied is not None:
        return denied
    answer = guest.world.ask(function, request, data)
    return answer.status, answer.reply


def _answer(answer: Answer) -> Value:
    status, reply = answer
    return Ok(Text(reply)) if status is Status.OK else Err(Text(reply))


FUNCTIONS: dict[str, tuple[str, HostFunction]] = {
    "log": (f"func(enum {{ {', '.join(LEVELS)} }}, string)", log),
    "get-context": (f"func(string) -> {_TEXTS}", get_context),
    "set-context": ("func(string, string) -> result<_, string>", set_context),
    "http-request": (f"func(string) -> {_TEXTS}", http_request),
    "db-query": (f"func(string) -> {_TEXTS}", db_query),
    "file-read": (f"func(string) -> {_TEXTS}", file_read),
    "file-write": (f"func(string, string) -> {_TEXTS}", file_write),
}
"""By name: the type in the words of WIT without names of parameters, and the function."""
