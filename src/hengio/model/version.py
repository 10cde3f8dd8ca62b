"""Versions of modules: Semantic Versioning 2.0.0, and the ranges a job may ask for. Pure."""

from __future__ import annotations

import re

_SEMVER = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_CARET = re.compile(r"\^(\d+)(?:\.(\d+))?(?:\.(\d+))?", re.ASCII)
Order = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


def is_version(text: str) -> bool:
    """Whether `text` is a semantic version."""
    return _SEMVER.fullmatch(text) is not None


def is_range(text: str) -> bool:
    """Whether `text` asks for what is compatible with a version: `^1`, `^1.2` or `^1.2.3`."""
    return _CARET.fullmatch(text) is not None


def order(version: str) -> Order:
    """A key that sorts versions by precedence (SemVer 11); what is no version sorts first."""
    found = _SEMVER.fullmatch(version)
    if found is None:
        return (-1, 0, 0, False, ())
    parts = tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in (found[4] or "").split(".")
    )
    return (int(found[1]), int(found[2]), int(found[3]), found[4] is None, parts if found[4] else ())


def matches(version: str, wanted: str) -> bool:
    """Whether `version` satisfies `wanted`: empty for any, exact, or `^1.2` for the releases compatible with it."""
    if not wanted:
        return True
    caret = _CARET.fullmatch(wanted)
    if caret is None:
        return version == wanted
    least = [int(part) for part in caret.groups() if part is not None]
    padded = [*least, 0, 0, 0][:3]
    found = order(version)
    if not found[3] or list(found[:3]) < padded:
        return False
    fixed = next((place for place, part in enumerate(padded) if part), max(len(least) - 1, 0))
    return list(found[: fixed + 1]) == padded[: fixed + 1]
