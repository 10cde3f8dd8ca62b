"""Resources of `file:read` and `file:write`: path globs under the files area (ABI: Permissions)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from hengio.errors import Refused
from hengio.grants import glob
from hengio.keys import check_key

_EXAMPLE = "write a path of the files area such as reports/2026/*.csv or inbox/**"


@lru_cache(maxsize=4_096)
def parse(resource: str) -> tuple[str, ...]:
    """The segments of a glob. Raises `Refused` for one that is no relative path."""
    segments = tuple(resource.split("/"))
    if any("**" in segment and segment != "**" for segment in segments):
        raise Refused(f"'{resource}': ** stands for whole segments", hint=_EXAMPLE)
    try:
        check_key(resource.replace("*", "x"))
    except Refused as error:
        raise Refused(f"'{resource}' is no resource of files: {error.message}", hint=_EXAMPLE) from error
    return segments


def roots(layers: Sequence[Sequence[str]], folder: str) -> list[str]:
    """The folders in which everything lies that is below `folder` and that a resource of every layer could allow.

    Each layer holds resources; the empty text is the whole area. None of the answer lies in another one.
    """
    within = {tuple(folder.split("/")) if folder else ()}
    for layer in layers:
        fixed = {_fixed(resource) for resource in layer}
        within = {max(one, other, key=len) for one in within for other in fixed if _on_one_way(one, other)}
    outermost = [one for one in within if not any(one[: len(other)] == other for other in within if other != one)]
    return sorted("/".join(segments) for segments in outermost)


def _fixed(resource: str) -> tuple[str, ...]:
    """The folder that all it names lies in: its segments before the first wildcard, the last one aside."""
    folders = parse(resource)[:-1]
    return folders[: next((place for place, segment in enumerate(folders) if glob.ANY in segment), len(folders))]


def _on_one_way(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def allows(resource: str, key: str) -> bool:
    """Whether a grant on `resource` is for a key that `check_key` accepted."""
    return glob.matches(parse(resource), key.split("/"))
