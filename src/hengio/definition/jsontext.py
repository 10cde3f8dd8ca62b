"""JSON from outside, read strictly: what two programs could read in two ways is refused (RFC 8259 4, 6, 8).

No key twice in one object, no number that is none or too large, no half of a surrogate pair, at most 64 levels.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from hengio import codec
from hengio.codec import InvalidJson, Json
from hengio.definition.yamltext import MAX_DEPTH
from hengio.errors import Refused


def read(text: str) -> Json:
    """The value of a text. Raises `InvalidJson`, with line and column where they say something."""
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except json.JSONDecodeError as error:
        message = f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
        raise InvalidJson(message, offset=None) from error
    except RecursionError as error:
        raise InvalidJson(f"nested more than {MAX_DEPTH} deep", offset=None) from error
    except Refused as error:
        raise InvalidJson(str(error), offset=None) from error
    except ValueError as error:  # whose text is advice to who writes programs
        raise InvalidJson("a whole number has too many digits", offset=None) from error
    if is_deep(value):
        raise InvalidJson(f"nested more than {MAX_DEPTH} deep", offset=None)
    return encodable(value)


def encodable(value: Json) -> Json:
    """The value, unless a string in it holds half a surrogate pair, which JSON escapes can spell and UTF-8 cannot."""
    try:
        codec.encode(value)
    except (UnicodeEncodeError, ValueError, TypeError) as error:
        raise InvalidJson("a string is not valid Unicode", offset=None) from error
    return value


def is_deep(value: Json) -> bool:
    """Whether it is nested more than 64 deep, found without recursion."""
    layer, depth = [value], 0
    while layer:
        if depth > MAX_DEPTH:
            return True
        inner: list[Any] = []
        for each in layer:
            if isinstance(each, dict):
                inner.extend(one for one in each.values() if isinstance(one, (dict, list, tuple)))
            elif isinstance(each, (list, tuple)):
                inner.extend(one for one in each if isinstance(one, (dict, list, tuple)))
        layer, depth = inner, depth + 1
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, member in pairs:
        if name in value:
            raise Refused(f"the key `{name[:40]}` appears twice in one object")
        value[name] = member
    return value


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Refused(f"the number {text[:40]} is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise Refused(f"{name} is not JSON")
