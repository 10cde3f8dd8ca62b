"""What a webhook was sent, as templates see it: payload, query parameters and chosen headers (H2.4). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from hengio import codec
from hengio.codec import InvalidJson, Json, Raw
from hengio.definition import jsontext
from hengio.definition.webhook import WITHHELD
from hengio.errors import Refused, TooLarge, Unsupported
from hengio.redaction.parts import is_secret_header

MOST_BYTES = 1 << 20
MOST_FIELDS = 1_000
_FORM = "application/x-www-form-urlencoded"
_ALWAYS = ("content-type", "user-agent")
_OURS = ("x-hengio-", "x-forwarded-")

Headers = Sequence[tuple[str, str]]
"""Names in lower case, with their values, as they came."""


def webhook(body: bytes, headers: Headers, query: str, *, wanted: Sequence[str] | None) -> Raw:
    """`{"payload", "query_params", "headers"}` as an execution keeps it; `wanted` are the headers that its job names.

    Raises `InvalidJson` and `Refused` for what cannot be read, `Unsupported` for a body that is compressed or no text,
    `TooLarge` for a payload of more than 1 MiB as JSON.
    """
    if any(name == "content-encoding" and value.strip().lower() not in {"", "identity"} for name, value in headers):
        raise Unsupported("a body with a Content-Encoding is not read", hint="send it as it is")
    read = codec.encode(payload(body, ", ".join(value for name, value in headers if name == "content-type")))
    if len(read) > MOST_BYTES:
        raise TooLarge(f"the payload has {len(read)} bytes as JSON, and at most {MOST_BYTES} are taken")
    return Raw(
        codec.encode({"payload": Raw(read), "query_params": form(query), "headers": chosen(headers, wanted=wanted)})
    )


def payload(body: bytes, content_type: str) -> Json:
    """The body as JSON, or the fields of a form, else as text; null for none.

    JSON is what calls itself so, and whatever reads as JSON under another name.
    """
    if not body:
        return None
    media = content_type.partition(";")[0].strip().lower()
    is_json = media == "application/json" or media.endswith("+json")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        if is_json:
            raise InvalidJson(f"not UTF-8: invalid byte at offset {error.start}", offset=error.start) from error
        raise Unsupported("the body is no text in UTF-8", hint="send JSON, a form or text") from error
    if media == _FORM:
        return form(text)
    try:
        return jsontext.read(text.removeprefix("\ufeff"))
    except InvalidJson:
        if is_json:
            raise
        return text


def form(text: str) -> dict[str, Json]:
    """The fields of a form or a query; one that comes several times is a list. Raises `Refused`."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:  # not UTF-8 once it is decoded, or too many
        raise Refused(f"fields must be UTF-8, and at most {MOST_FIELDS}") from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else list(values) for name, values in found.items()}


def chosen(headers: Headers, *, wanted: Sequence[str] | None) -> dict[str, str]:
    """The headers that the job names, else the usual ones: `X-…`, `Content-Type` and `User-Agent`, without those that
    say who asks or by which way. Of what proves who asks none is ever kept."""
    names = None if wanted is None else {name.lower() for name in wanted} - WITHHELD
    found: dict[str, str] = {}
    for name, value in headers:
        if _usual(name) if names is None else name in names:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _usual(name: str) -> bool:
    if name in _ALWAYS:
        return True
    return name.startswith("x-") and not name.startswith(_OURS) and not is_secret_header(name)
