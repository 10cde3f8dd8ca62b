"""Where a reference leads in an execution's context, and what to say when it leads nowhere (H3).

Messages name keys and types, never values; nothing below a sensitive variable is named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from hengio import codec
from hengio.codec import Json, Raw
from hengio.definition import expressions, words
from hengio.definition.context import Context, StepEntry
from hengio.definition.evaluation import Missing
from hengio.errors import Refused

ROOTS = (
    "steps",
    "variables",
    "input",
    "webhook",
    "execution_id",
    "job_id",
    "execution_date",
    "nominal_time",
)
STEP_FIELDS = (
    "output",
    "response",
    "status",
    "started_at",
    "completed_at",
    "duration_ms",
    "attempt",
    "error",
)
_OUTPUT = ("output", "response")
_HEADERS = ("webhook", "headers")
"""Below it, the case of a name means nothing (RFC 9110 5.1)."""
_CACHED_LENGTH = 256
_TOLD = 2
"""So many keys of a reference every message tells."""

Path = tuple[str | int, ...]


class Withheld(Refused):
    """A sensitive variable that this step did not list in its `secrets`."""

    code = "secret_withheld"


def find(context: Context, path: Path, *, secrets: Collection[str] | None = None, raw: bool = False) -> Json:
    """The value at `path`. Raises `Missing`, or `Withheld` for a sensitive variable that is not in `secrets`.

    `secrets` None means every one may be read. With `raw`, a step's whole output is its encoded JSON.
    """
    try:
        match path[0]:
            case "steps":
                return _step_value(context, path, raw=raw)
            case "variables":
                return _variable_value(context, path, secrets=secrets)
            case _:
                return _root_value(context, path, raw=raw)
    except Missing as error:
        if len(path) > _TOLD:
            error.reference = words.dotted(path)
        raise


def lookup(context: Context, path: str, *, secrets: Collection[str] = ()) -> tuple[bool, Json]:
    """Whether a value stands at the dotted path, and that value. Sensitive variables are not there unless in `secrets`.

    For paths that a guest sends: a malformed one finds nothing.
    """
    try:
        return True, find(context, parsed(path), secrets=secrets)
    except (Missing, Withheld, expressions.Malformed):
        return False, None


def inside(value: Json, keys: Path) -> tuple[bool, Json]:
    """Whether the keys lead to something inside `value`, and what stands there."""
    for key in keys:
        match value, key:
            case (dict(), str()) if key in value:
                value = value[key]
            case (list(), int()) if key < len(value):
                value = value[key]
            case _:
                return False, None
    return True, value


def parsed(path: str) -> Path:
    """The keys of a dotted path. Raises `Malformed`. Short ones are remembered."""
    return _remembered(path) if len(path) <= _CACHED_LENGTH else expressions.reference(path).path


@lru_cache(maxsize=4_096)
def _remembered(path: str) -> Path:
    return expressions.reference(path).path


def _root_value(context: Context, path: Path, *, raw: bool) -> Json:
    root = str(path[0])
    if root not in ROOTS:
        raise Missing(f"there is no `{root}`", hint=words.nearest(root, ROOTS))
    if root not in context.base:
        raise Missing(f"this execution has no `{root}`")
    value = context.base[root]
    if path[:2] == _HEADERS and len(path) > 2:
        path = (*_HEADERS, _header(value, path[2]), *path[3:])
    if isinstance(value, Raw) and len(path) == 1:
        return value if raw else codec.decode(value)
    return _inside(value, path, start=1)


def _header(webhook: Json, asked: str | int) -> str | int:
    """The name of the header that is asked for, as it is kept."""
    names = webhook.get("headers") if isinstance(webhook, dict) else None
    return next((name for name in names or () if name.lower() == str(asked).lower()), asked)


def _variable_value(context: Context, path: Path, *, secrets: Collection[str] | None) -> Json:
    hidden: Collection[str] = () if secrets is None else context.secret_names.difference(secrets)
    if len(path) == 1:
        return {name: value for name, value in context.all_variables().items() if name not in hidden}
    name = path[1]
    if name in hidden:
        raise Withheld(f"the variable `{name}` is sensitive", hint="list it in the step's `secrets`")
    owner: Mapping[str, Any] = context.admin if name in context.admin else context.variables
    if not isinstance(name, str) or name not in owner:
        known = [each for each in context.all_variables() if each not in hidden]
        raise Missing(f"there is no variable `{name}`", hint=words.nearest(str(name), known))
    return _inside(owner[name], path, start=2, secret=name in context.secret_names)


def _step_value(context: Context, path: Path, *, raw: bool) -> Json:
    if len(path) == 1:
        return {name: _whole(entry) for name, entry in context.steps.items()}
    name = path[1]
    entry = context.steps.get(name) if isinstance(name, str) else None
    if entry is None:
        ran = f"; steps that have: {words.listed(context.steps)}" if context.steps else ""
        raise Missing(f"step `{name}` has not run before this one{ran}")
    if len(path) == 2:
        return _whole(entry)
    if path[2] not in _OUTPUT:
        return _inside(_field(entry, path), path, start=3)
    if entry.raw is None:
        raise Missing(f"step `{name}` has no output (status: {entry.fields.get('status', 'unknown')})")
    return entry.raw if raw and len(path) == 3 else _inside(entry.output, path, start=3)


def _field(entry: StepEntry, path: Path) -> Json:
    field = path[2]
    if field in entry.fields:
        return entry.fields[str(field)]
    if field == "error":
        return None
    if field not in STEP_FIELDS:
        hint = words.nearest(str(field), STEP_FIELDS)
        raise Missing(f"`{words.dotted(path[:2])}` has no `{field}`", hint=hint)
    raise Missing(f"step `{path[1]}` has no `{field}` yet")


def _whole(entry: StepEntry) -> dict[str, Json]:
    return {**entry.fields, "output": entry.output}


def _inside(value: Json, path: Path, *, start: int, secret: bool = False) -> Json:
    """Follow `path` from its key number `start`, beginning at `value`."""
    for place in range(start, len(path)):
        key = path[place]
        if isinstance(value, Raw):
            value = codec.decode(value)
        match value:
            case dict() if isinstance(key, str) and key in value:
                value = value[key]
            case list() if isinstance(key, int) and key < len(value):
                value = value[key]
            case _:
                raise _absent(value, path, place, secret=secret)
    return value


def _absent(value: Json, path: Path, place: int, *, secret: bool) -> Missing:
    here, key = words.dotted(path[:place]), path[place]
    asked = f"[{key}]" if isinstance(key, int) else f"`{key}`"
    if secret:
        return Missing(f"`{here}` has no {asked}")
    match value:
        case dict() if value:
            hint = words.nearest(str(key), value)
            return Missing(f"`{here}` has keys {words.listed(value)}; there is no {asked}", hint=hint)
        case dict():
            return Missing(f"`{here}` is an empty object; there is no {asked}")
        case list():
            hint = f"write `[{key}]` for an item" if isinstance(key, str) and key.isdigit() else ""
            return Missing(f"`{here}` is a list of {len(value)}; there is no {asked}", hint=hint)
        case _:
            return Missing(f"`{here}` is {words.kind(value)}; there is no {asked}")
