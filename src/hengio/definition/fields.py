"""Single fields that may be written in more than one way, brought to the canonical one (H3.4)."""

from __future__ import annotations

from typing import Any

from hengio.codec import Json
from hengio.definition import words
from hengio.definition.normal import Normal

AUTH_TAGS = {"oauth2_client_credentials": "oauth2", "o_auth2": "oauth2"}
"""Other names of a way to authenticate: the grant's, and `OAuth2` from a program that puts `_` before capitals."""

_QUERY_TYPES: dict[str, tuple[str, ...]] = {"raw_sql": (), "stored_procedure": ("procedure_name", "parameters")}
_DAY_OF_MONTH, _DAY_OF_WEEK = 3, 5


def schedule(given: dict[str, Json]) -> dict[str, Json]:
    """A schedule in which `*` as day of the month beside a day of the week is `?` (H3).

    Quartz itself refuses that combination, in which one of the two can not be meant, so no other expression changes its
    meaning. The five fields of Unix have no `?` and stay as they are.
    """
    expression = given.get("expression")
    parts = expression.split() if isinstance(expression, str) and given.get("type") == "cron" else []
    if len(parts) not in {6, 7} or parts[_DAY_OF_MONTH] != "*" or parts[_DAY_OF_WEEK] in {"*", "?"}:
        return given
    parts[_DAY_OF_MONTH] = "?"
    return {**given, "expression": " ".join(parts)}


def config(given: dict[str, Json], kind: Any, *, path: str, work: Normal) -> dict[str, Json]:
    """The configuration of a step of that type, at `path` of the canonical document."""
    match kind, given:
        case "database", {"query_type": dict() as tagged}:
            return _query_type(given, tagged, path, work)
        case "http", {"auth": {"type": str() as tag} as auth} if tag in AUTH_TAGS:
            return {**given, "auth": {**auth, "type": AUTH_TAGS[tag]}}
        case _:
            return given


def _query_type(given: dict[str, Json], tagged: dict[str, Json], path: str, work: Normal) -> dict[str, Json]:
    """`{"type": "stored_procedure", "procedure_name": …, "parameters": […]}` stands in the configuration itself."""
    here, tag = f"{path}.query_type", tagged.get("type")
    if not isinstance(tag, str) or tag not in _QUERY_TYPES:
        work.told.add(here)
        if "type" not in tagged:
            work.wrong(here, "missing required field `type`", f"one of {words.listed(_QUERY_TYPES)}")
        else:
            message = f"expected one of {words.listed(_QUERY_TYPES)}, got {words.shown(tag)}"
            work.wrong(f"{here}.type", message, words.close(tag, _QUERY_TYPES) if isinstance(tag, str) else "")
        return given
    written = work.origins.author(here)
    known = _QUERY_TYPES[tag]
    made = {**given, "query_type": tag}
    for name, value in tagged.items():
        if work.full:
            break
        if name not in {"type", *known}:
            hint = words.nearest(name, [each for each in known if each not in tagged])
            work.wrong(words.child(here, name), f"unknown field `{words.cut(name)}`", hint)
        elif name != "type" and given.get(name) is not None and value is not None:
            work.wrong(f"{here}.{name}", f"`{name}` is already given beside `query_type`")
        elif name != "type" and value is not None:
            made[name] = value
            work.origins.move(f"{path}.{name}", written=f"{written}.{name}")
    work.origins.move(here, written=f"{written}.type")
    return made
