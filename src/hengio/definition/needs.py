"""Which variables and connections a step names, in whatever part of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from hengio.definition import expressions, templates
from hengio.definition.expressions import Malformed, Reference
from hengio.model.step import Step


class Needs(Struct, frozen=True, kw_only=True):
    """Names of variables and connections. `all_variables` where it looks at `variables` as a whole or may name any,
    `all_connections` where only its templates say which one."""

    variables: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()
    all_variables: bool = False
    all_connections: bool = False


def needs(step: Step) -> Needs:
    """What a step's configuration and condition name. One that is malformed may name anything."""
    try:
        found = [*templates.references(step.config), *_of_expressions(step)]
    except Malformed:
        return Needs(all_variables=True, all_connections=True)
    paths = [each.path for each in found if each.path[0] == "variables"]
    listed = _listed(step.config.get("secrets"))
    connection = step.config.get("connection")
    named = {connection} if isinstance(connection, str) else set()
    open_ = any(map(templates.is_template, named))
    return Needs(
        variables=frozenset({str(path[1]) for path in paths if len(path) > 1} | listed),
        connections=frozenset(() if open_ else named),
        all_variables=any(len(path) == 1 for path in paths) or any(map(templates.is_template, listed)),
        all_connections=open_,
    )


def _of_expressions(step: Step) -> Iterable[Reference]:
    if step.condition is not None:
        yield from templates.within(expressions.condition(step.condition))
    changes: Any = step.config.get("transformations")
    row_filter = changes.get("filter") if isinstance(changes, dict) else None
    if isinstance(row_filter, str):
        yield from (each for each in templates.within(expressions.condition(row_filter)) if each.braced)


def _listed(secrets: Any) -> set[str]:
    return {name for name in secrets if isinstance(name, str)} if isinstance(secrets, (list, tuple)) else set()
