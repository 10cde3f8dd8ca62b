"""A SQL statement and its parameters, written for a driver. Values never become text of the statement.

Parameters are `:name`, or `?` and `$1` when they are given as a list. What looks like one inside quotes, comments or a
PostgreSQL cast (`::text`) is left alone. A wrong guess about a dialect's quotes can only make a parameter miss.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from hengio.errors import Refused

Parameters = Mapping[str, Any] | Sequence[Any]
Style = Literal["dollar", "named"]
Dialect = Literal["sqlite", "postgres"]
Tables = frozenset[str]
"""Names of tables of the main schema, in lower case."""

_TOKEN = re.compile(
    r"""
    (?P<quoted>
        (?<![\w$]) [eE] '(?:[^'\\]|\\.|'')*'
      | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`
      | --[^\n]* | /\*.*?\*/
      | \$(?P<tag>[A-Za-z_]\w*)?\$ .*? \$(?(tag)(?P=tag))\$
    )
    | (?<![:\w$]) : (?P<name>[A-Za-z_]\w*) (?![:\w])
    | (?P<mark>\?)
    | (?<![\w$]) \$ (?P<number>[1-9]\d{0,4}) (?!\w)
    """,
    re.VERBOSE | re.DOTALL,
)
_BEFORE_KEYWORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*", re.DOTALL)
_WORD = re.compile(r"\w+|\S")


@dataclass(frozen=True, slots=True)
class Work:
    """One query of a transaction, run once for each of its parameter sets. `place` names it in errors, if it needs a
    name."""

    query: str
    sets: Sequence[Parameters]
    place: str = ""

    def where(self, number: int) -> str:
        """How an error calls one of the sets."""
        set_ = "parameters" if len(self.sets) == 1 else f"batch[{number}]"
        return f"{self.place}.{set_}" if self.place else set_


@dataclass(frozen=True, slots=True)
class Statement:
    """Text with the driver's placeholders, and the name (or index from 0) that each of them takes its value from."""

    text: str
    sources: tuple[str | int, ...]

    def values(self, parameters: Parameters, *, place: str) -> list[Any]:
        """One value for each placeholder, in order. `Refused` names what is missing in `place`; never a value."""
        if isinstance(parameters, Mapping):
            return [self._named(parameters, source, place) for source in self.sources]
        needed = 1 + max((source for source in self.sources if isinstance(source, int)), default=-1)
        if needed != len(parameters):
            raise Refused(f"{place} has {len(parameters)} values, but the query has {needed} places for them")
        return [self._indexed(parameters, source, place) for source in self.sources]

    def _named(self, parameters: Mapping[str, Any], source: str | int, place: str) -> Any:
        if isinstance(source, int):
            raise Refused(f"{place} is an object, but the query has a `?`", hint="write :name in the query")
        if source not in parameters:
            raise Refused(f"{place} has no `{source}`, which the query asks for", hint=f"it has {_listed(parameters)}")
        return parameters[source]

    def _indexed(self, parameters: Sequence[Any], source: str | int, place: str) -> Any:
        if isinstance(source, str):
            raise Refused(f"{place} is a list, but the query asks for `:{source}`", hint="write ? in the query")
        return parameters[source]


@lru_cache(maxsize=256)
def prepare(query: str, *, style: Style, positional: bool) -> Statement:
    """The statement for a driver: `dollar` is `$1`, `named` is `:_1`. `positional`: `?` and `$1` are parameters too."""
    sources: dict[str | int, int] = {}
    marks = 0

    def written(found: re.Match[str]) -> str:
        nonlocal marks
        source: str | int
        if found["name"]:
            source = found["name"]
        elif found["mark"] and positional:
            source, marks = marks, marks + 1
        elif found["number"] and positional:
            source = int(found["number"]) - 1
        else:
            return found[0]
        number = sources.setdefault(source, len(sources) + 1)
        return f"${number}" if style == "dollar" else f":_{number}"

    text = _TOKEN.sub(written, query)
    return Statement(text, tuple(sources))


def keyword(query: str) -> str:
    """The statement's first word in capitals, after spaces, comments and opening brackets."""
    start = _BEFORE_KEYWORD.match(query)
    word = _WORD.match(query, start.end() if start else 0)
    return word[0].upper() if word else ""


def position(text: str, offset: int) -> str:
    """Where in a statement something is wrong: its line from 1 and the word at `offset` (characters from 0)."""
    word = _WORD.match(text, offset)
    near = f", near `{word[0][:40]}`" if word else ""
    return f"line {text.count(chr(10), 0, offset) + 1}{near}"


def _listed(parameters: Mapping[str, Any]) -> str:
    names = sorted(map(str, parameters))
    return ", ".join(names[:10]) + (" …" if len(names) > 10 else "") if names else "no names at all"
