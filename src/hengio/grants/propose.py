"""The smallest set of grants for what a module was seen to need. Pure.

Each permission and each resource is kept apart; only similar paths of one origin become one pattern, with `*` for the
segment in which they differ. `**` and wildcards in hosts are never proposed: that is for people to decide.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct

from hengio.grants.glob import ANY
from hengio.model.grant import Grant

_HTTP = re.compile(r"(https?://(?:\[[^\]]*\]|[^/\[]+)(?::\d+)?/)(.*)", re.DOTALL)
_EXTENSION = re.compile(r".+(\.[A-Za-z0-9]{1,8})")
_SIMILAR, _SIMILAR_NUMBERS = 3, 2
"""How many paths that differ in one segment become a pattern; fewer, if each has a digit there, as ids and dates do."""
_NEVER = 1 << 30


class Proposal(Struct, frozen=True):
    """A grant, the exact resources that it stands for, and how often each fixture needed it."""

    grant: Grant
    resources: tuple[str, ...]
    uses: Mapping[str, int]


class _Path(Struct, frozen=True):
    segments: tuple[str, ...]
    resources: frozenset[str]
    uses: Counter[str]


def propose(needed: Iterable[tuple[Grant, str]]) -> tuple[Proposal, ...]:
    """Proposals for the grants that requests needed, each with the name of the fixture that made the request."""
    uses: dict[Grant, Counter[str]] = defaultdict(Counter)
    for grant, fixture in needed:
        uses[grant][fixture] += 1
    groups: dict[tuple[str, str, int], list[_Path]] = defaultdict(list)
    for grant in sorted(uses):
        origin, segments = _split(grant)
        path = _Path(segments, frozenset({grant.resource}), uses[grant])
        groups[grant.permission, origin, len(segments)].append(path)
    return tuple(
        Proposal(
            Grant(permission, origin + "/".join(path.segments)),  # type: ignore[arg-type]  # it came from a grant
            tuple(sorted(path.resources)),
            dict(sorted(path.uses.items())),
        )
        for (permission, origin, _), paths in sorted(groups.items())
        for path in _generalised(paths)
    )


def _split(grant: Grant) -> tuple[str, tuple[str, ...]]:
    """What must be equal, and the segments of which one may differ; a database's resource is taken whole."""
    if grant.permission.startswith("file:"):
        return "", tuple(grant.resource.split("/"))
    found = _HTTP.fullmatch(grant.resource)
    return (found[1], tuple(found[2].split("/"))) if found else (grant.resource, ())


def _generalised(paths: list[_Path]) -> list[_Path]:
    """Similar paths as one, until no more are."""
    while (similar := _most_similar(paths)) is not None:
        place, alike = similar
        values = [path.segments[place] for path in alike]
        segments = (*alike[0].segments[:place], _pattern(values), *alike[0].segments[place + 1 :])
        uses: Counter[str] = sum((path.uses for path in alike), Counter())
        resources = frozenset[str]().union(*(path.resources for path in alike))
        paths = [*(path for path in paths if path not in alike), _Path(segments, resources, uses)]
    return sorted(paths, key=lambda path: path.segments)


def _most_similar(paths: list[_Path]) -> tuple[int, list[_Path]] | None:
    """The largest set of paths that differ in one segment only, and where; None if no set is large enough."""
    sets: dict[tuple[int, tuple[str, ...]], list[_Path]] = defaultdict(list)
    for path in paths:
        for place in range(len(path.segments)):
            rest = path.segments[:place] + path.segments[place + 1 :]
            sets[place, rest].append(path)
    large = [(place, alike) for (place, _), alike in sets.items() if len(alike) >= _enough(alike, place)]
    return max(large, key=lambda found: len(found[1]), default=None)


def _enough(alike: list[_Path], place: int) -> int:
    """Words alone, straight below the origin, are different things and not different ones of a kind."""
    if all(any(letter.isdigit() for letter in path.segments[place]) for path in alike):
        return _SIMILAR_NUMBERS
    return _SIMILAR if len(alike[0].segments) > 1 else _NEVER


def _pattern(values: list[str]) -> str:
    """`*`, or with the extension that all of them have."""
    found = {match[1] if (match := _EXTENSION.fullmatch(value)) else "" for value in values}
    return ANY + found.pop() if len(found) == 1 else ANY
