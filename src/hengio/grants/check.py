"""Whether grants can be given at all: every resource must have a meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hengio.errors import Problem, Refused
from hengio.grants import database, files, http
from hengio.model.grant import PERMISSIONS, Grant

_PARSE: Mapping[str, Callable[[str], object]] = {"http": http.parse, "database": database.parse, "file": files.parse}

MOST_CHARACTERS = 2_000
"""Of a resource."""


def check(grants: Iterable[Grant]) -> None:
    """Raises `Refused` with a problem for each grant whose permission or resource means nothing."""
    found = [(place, problem) for place, grant in enumerate(grants) if (problem := fault(grant)) is not None]
    problems = [Problem(f"[{place}].{each.path}", each.message, each.hint) for place, each in found]
    if problems:
        raise Refused("the permissions cannot be granted", problems=problems)


def read(text: str) -> Grant:
    """A grant from `permission resource`, such as `file:read inbox/**`. Raises `Refused`."""
    permission, _, resource = text.strip().partition(" ")
    grant = Grant(permission, resource.strip())  # type: ignore[arg-type]  # checked in the next line
    check([grant])
    return grant


def fault(grant: Grant) -> Problem | None:
    """What is wrong with a grant; the problem's path is the field's name."""
    if grant.permission not in PERMISSIONS:
        known = ", ".join(PERMISSIONS)
        return Problem("permission", f"'{grant.permission}' is no permission", f"one of {known}")
    if len(grant.resource) > MOST_CHARACTERS:
        return Problem("resource", f"has more than {MOST_CHARACTERS} characters")
    try:
        _PARSE[grant.permission.partition(":")[0]](grant.resource)
    except Refused as error:
        return Problem("resource", error.message, error.hint)
    return None
