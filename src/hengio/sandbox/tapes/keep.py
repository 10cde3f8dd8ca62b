"""Makes a recording fit to be kept: without sensitive values, within its size, with digests for what it leaves out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from hengio.model.tape import ContextCall, End, Request, Tape, TapeEvent
from hengio.redaction.redact import Redactor, Sensitive


def kept(tape: Tape, values: Iterable[Sensitive], *, most_bytes: int) -> Tape:
    """The tape without `values`. Of an output of more than `most_bytes` only the size is kept, and its digest where
    there are no values.

    Digests are of what was redacted, too: one of a short secret could be turned back. What is not kept is not searched
    for values: a guest returns as much as it likes.
    """
    redactor = Redactor(values)
    cleaned = msgspec.structs.replace(
        tape,
        env={name: redactor.clean_text(value, f"env.{name}") for name, value in tape.env.items()},
        input=redactor.clean(tape.input, "input"),
        events=tuple(_event(redactor, event, f"events[{place}]") for place, event in enumerate(tape.events, start=1)),
        end=_end(redactor, tape.end, most_bytes),
    )
    return msgspec.structs.replace(cleaned, redacted=redactor.redactions)


def _event(redactor: Redactor, event: TapeEvent, place: str) -> TapeEvent:
    match event:
        case ContextCall(key=key, reply=reply, value=value):
            return msgspec.structs.replace(
                event,
                key=redactor.clean(key, f"{place}.key"),
                reply=redactor.clean(reply, f"{place}.reply"),
                value=None if value is None else redactor.clean(value, f"{place}.value"),
            )
        case Request():
            return _request(redactor, event, place)
        case _:
            return event


def _request(redactor: Redactor, event: Request, place: str) -> Request:
    data, denied = redactor.clean(event.data, f"{place}.data"), event.denied
    if denied is not None:
        resource = redactor.clean_text(denied.resource, f"{place}.denied")
        denied = msgspec.structs.replace(denied, resource=resource)
    return msgspec.structs.replace(
        event,
        request=redactor.clean(event.request, f"{place}.request"),
        reply=redactor.clean(event.reply, f"{place}.reply"),
        denied=denied,
        data=b"",
        data_sha256=hashlib.sha256(data).hexdigest() if data else "",
    )


def _end(redactor: Redactor, end: End, most_bytes: int) -> End:
    output = end.output or b""
    size = len(output)
    if size <= most_bytes:
        output = redactor.clean(output, "output")
    digest = hashlib.sha256(output).hexdigest() if size <= most_bytes or redactor.idle else ""
    return msgspec.structs.replace(
        end,
        code=redactor.clean_text(end.code, "code"),
        output=output if size <= most_bytes else None,
        output_size=size,
        output_sha256=digest,
    )
