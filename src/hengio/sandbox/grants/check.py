"""Whether grants can be given at all: every resource must have a meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hengio.errors import Problem, Refused
from hengio.model.grant import PERMISSIONS, Grant
from hengio.sandbox.grants import database, files, http

_PARSE: Mapping[str, Callable[[str], object]] = {"http": http.parse, "database": database.parse, "file": files.parse}


def check(grants: Iterable[Grant]) -> None:
    """Raises `Refused` with a problem for each grant whose permission or resource means nothing."""
    problems = [problem for place, grant in enumerate(grants) if (problem := _problem(place, grant)) is not None]
    if problems:
        raise Refused("the permissions cannot be granted", problems=problems)


def read(text: str) -> Grant:
    """A grant from `permission resource`, such as `file:read inbox/**`. Raises `Refused`."""
    permission, _, resource = text.strip().partition(" ")
    grant = Grant(permission, resource.strip())  # type: ignore[arg-type]  # checked in the next line
    check([grant])
    return grant


def _problem(place: int, grant: Grant) -> Problem | None:
    if grant.permission not in PERMISSIONS:
        known = ", ".join(PERMISSIONS)
        return Problem(f"[{place}].permission", f"'{grant.permission}' is no permission", f"one of {known}")
    try:
        _PARSE[grant.permission.partition(":")[0]](grant.resource)
    except Refused as error:
        return Problem(f"[{place}].resource", error.message, error.hint)
    return None
