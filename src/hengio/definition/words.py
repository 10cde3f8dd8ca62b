"""How messages put values, places and near misses into words. Values are shortened; containers are never printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise
from typing import Any

_PLAIN_KEY = re.compile(r"[^\W\d][\w-]*")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What does something to a terminal instead of being a letter: controls, breaks of lines, turns of direction."""
_SHOWN = 40
_LISTED = 16
_COMPARED = 16


def kind(value: Any) -> str:
    """The JSON type of `value` with its article: `a string`, `null`, `an object`."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple():
            return "a list"
        case _:
            return "an object"


def shown(value: Any) -> str:
    """A scalar as JSON, cut after 40 characters; a list or an object only by its kind."""
    if value is None or isinstance(value, (bool, int, float, str)):
        text = json.dumps(value[: _SHOWN + 1] if isinstance(value, str) else value, ensure_ascii=False)
        return text if len(text) <= _SHOWN + 2 else text[:_SHOWN] + "…"
    return kind(value)


def listed(names: Iterable[str]) -> str:
    """Names in backquotes with commas between; the first sixteen, each cut after 40 characters."""
    every = list(names)
    text = ", ".join(f"`{cut(name)}`" for name in every[:_LISTED])
    return text + (f" and {len(every) - _LISTED} more" if len(every) > _LISTED else "")


def cut(name: str) -> str:
    """A name, cut after 40 characters."""
    return name if len(name) <= _SHOWN else name[:_SHOWN] + "…"


def is_plain(text: str) -> bool:
    """Whether every letter of it can be shown: no control characters, line breaks or changes of direction."""
    return _CONTROLS.search(text) is None


def plain(text: str) -> str:
    """The text with what cannot be shown spelt out: `\\n`, `\\x1b`."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


def plain_json(text: str) -> str:
    """Indented JSON with what cannot be shown spelt out as JSON does: it is still the same document."""
    lines = (_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in text.split("\n"))
    return "\n".join(lines)


def close(name: str, known: Iterable[str]) -> str:
    """A hint: the known name that `name` was probably meant to be, the same whatever order they come in; empty if none
    is near."""
    every = sorted(known)
    found = get_close_matches(name[:_SHOWN], _alike(name, every), n=1, cutoff=0.6) or _longer(name, every)
    return f"did you mean `{cut(found[0])}`?" if found else ""


def _alike(name: str, known: list[str]) -> list[str]:
    """Of many known names those that share most pairs of letters with `name`; comparing all in full takes long."""
    if len(known) <= _COMPARED:
        return known
    pairs = _pairs(name[:_SHOWN])
    return nlargest(_COMPARED, known, key=lambda each: len(pairs & _pairs(each)))


@lru_cache(maxsize=2_048)
def _pairs(name: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(name)))


def _longer(name: str, known: list[str]) -> list[str]:
    """The one known name that has all the words of `name`, as `fuel_limit` has those of `fuel`; else nothing."""
    parts = set(name.lower().split("_"))
    found = [each for each in known if parts <= set(each.split("_"))]
    return found if len(found) == 1 else []


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint: the known name that `name` was probably meant to be, else what is known; empty if nothing is."""
    every = list(known)
    return close(name, every) or (f"known: {listed(every)}" if every else "")


def child(path: str, key: str | int) -> str:
    """The JSON path of a member: `$.steps[2]`, `$.config`, `$["a b"]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}"
    return f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def dotted(path: Iterable[str | int]) -> str:
    """A reference's path as an author writes it: `steps.fetch.output.items[0]`."""
    text = ""
    for key in path:
        text = child(text, key) if text else str(key)
    return text
