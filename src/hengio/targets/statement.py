"""A SQL statement and its parameters, written for a driver. Values never become text of the statement.

Parameters are `:name`, or `?` and `$1` when they are given as a list. What looks like one inside quotes, comments or a
PostgreSQL cast (`::text`) is left alone. A wrong guess about a dialect's quotes can only make a parameter miss.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hengio.definition.sqltext import asks_by_place
from hengio.errors import Refused
from hengio.targets.lexing import TOKENS, Dialect

Parameters = Mapping[str, Any] | Sequence[Any]
Tables = frozenset[str]
"""Names of tables of the main schema, in lower case."""


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
    asks_by_place: bool = False
    """Whether it has a `?` left that no named parameter stands for."""

    def values(self, parameters: Parameters, *, place: str) -> list[Any]:
        """One value for each placeholder, in order. `Refused` names what is missing in `place`; never a value."""
        if isinstance(parameters, Mapping):
            if self.asks_by_place:
                has = "is an object" if parameters else "has no values"
                raise Refused(
                    f"{place} {has}, but the query has a `?`", hint="give a list, or write :name in the query"
                )
            return [self._named(parameters, str(source), place) for source in self.sources]
        needed = 1 + max((source for source in self.sources if isinstance(source, int)), default=-1)
        if needed != len(parameters):
            raise Refused(f"{place} has {len(parameters)} values, but the query has {needed} places for them")
        return [self._indexed(parameters, source, place) for source in self.sources]

    def _named(self, parameters: Mapping[str, Any], source: str, place: str) -> Any:
        if source not in parameters:
            raise Refused(f"{place} has no `{source}`, which the query asks for", hint=f"it has {_listed(parameters)}")
        return parameters[source]

    def _indexed(self, parameters: Sequence[Any], source: str | int, place: str) -> Any:
        if isinstance(source, str):
            raise Refused(f"{place} is a list, but the query asks for `:{source}`", hint="write ? in the query")
        return parameters[source]


_MARKS: dict[Dialect, str] = {"postgres": "$", "sqlite": ":_", "oracle": ":p"}


@lru_cache(maxsize=256)
def prepare(query: str, dialect: Dialect, *, positional: bool) -> Statement:
    """The statement for a driver; with `positional`, `?` and `$1` are parameters, too.

    PostgreSQL gets `$1`, SQLite `:_1`, Oracle `:p1`, one for each parameter however often it is used. For MySQL the
    text is a format: `%s` for each use, and what was a `%` is doubled.
    """
    sources: list[str | int] = []
    marks = 0

    def source(found: re.Match[str]) -> str | int | None:
        nonlocal marks
        if found["name"]:
            return found["name"]
        if found["mark"] and positional:
            marks += 1
            return marks - 1
        return int(found["number"]) - 1 if found["number"] and positional else None

    def written(found: re.Match[str]) -> str:
        wanted = source(found)
        if wanted is None:
            return found[0]
        if dialect == "mysql":
            sources.append(wanted)
            return "\0"  # no statement has one
        if wanted not in sources:
            sources.append(wanted)
        return f"{_MARKS[dialect]}{sources.index(wanted) + 1}"

    if "\0" in query:
        raise Refused("a statement has no NUL in it")
    text = TOKENS[dialect].sub(written, query)
    if dialect == "mysql":
        text = text.replace("%", "%%").replace("\0", "%s")
    return Statement(text, tuple(sources), asks_by_place=not positional and asks_by_place(query))


def _listed(parameters: Mapping[str, Any]) -> str:
    names = sorted(map(str, parameters))
    return ", ".join(names[:10]) + (" …" if len(names) > 10 else "") if names else "no names at all"
