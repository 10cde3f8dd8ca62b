"""How a value is written where a template stands: what it may not do there is made impossible (H3)."""

from __future__ import annotations

import re
from enum import Enum
from urllib.parse import quote

from hengio import codec
from hengio.codec import Json
from hengio.errors import Refused

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_QUOTE = re.compile(r"\\.|\"", re.DOTALL)


class Place(Enum):
    """Where the string being resolved is used."""

    TEXT = "text"
    URL = "url"
    FORM = "form"
    HEADER = "header"
    JSON_BODY = "json_body"


class Unsafe(Refused):
    """A value that cannot stand in the place it was meant for."""

    code = "unsafe_value"


def text(value: Json) -> str:
    """A string as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else codec.encode(value).decode()


def in_url(value: Json, *, query: bool = False) -> str:
    """Percent-encoded but for unreserved characters (RFC 3986 2.3), so that it stays one part of a path or a query.

    In a path `.` and `..` are refused: no encoding keeps them from meaning a directory.
    """
    written = text(value)
    if not query and written in {".", ".."}:
        raise Unsafe(f"`{written}` cannot be inserted into a URL: it would mean another path")
    return quote(written, safe="")


def in_json(value: Json, *, quoted: bool) -> str:
    """Between quotes, the value's text with JSON's escapes; elsewhere the value as JSON, strings with their quotes."""
    return codec.encode(text(value)).decode()[1:-1] if quoted else codec.encode(value).decode()


def header(value: Json) -> Json:
    """The value itself. Raises `Unsafe` for a string with control characters other than a tab (RFC 9110 5.5)."""
    if isinstance(value, str) and (found := _CONTROL.search(value)):
        raise Unsafe(f"a header cannot hold the control character U+{ord(found[0]):04X}")
    return value


def toggles_quote(literal: str) -> bool:
    """Whether JSON text, read from outside a string, ends inside one (or the other way round)."""
    return sum(found[0] == '"' for found in _QUOTE.finditer(literal)) % 2 == 1


def ends_in_escape(literal: str) -> bool:
    """Whether the text ends in a backslash that would swallow what is written after it."""
    return (len(literal) - len(literal.rstrip("\\"))) % 2 == 1
