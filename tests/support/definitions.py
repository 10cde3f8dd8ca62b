"""Hypothesis strategies for job definitions: valid canonical ones, the same in the other spellings, and broken ones."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec import Struct, inspect
from msgspec import inspect as kinds

from hengio.definition.configs import CONFIGS, HttpConfig, SftpConfig
from hengio.definition.shape import described
from hengio.definition.spellings import STEP_FIELDS, TAGS
from hengio.model.job import Job, Webhook
from hengio.model.step import Step, StepType

Path = tuple[str | int, ...]

EVERY_CONFIG: dict[StepType, type[Struct]] = {**CONFIGS, "http": HttpConfig, "sftp": SftpConfig}
"""Of all five step types, whichever of them this version can run."""

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="{$"), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
_DATES = st.dates().map(lambda day: day.isoformat())
_NAMED: dict[str, SearchStrategy[Any]] = {
    "name": st.sampled_from(["nightly", "giá hằng đêm"]),
    "expression": st.sampled_from(["0 0 2 ? * MON-FRI", "0 0 2 * * MON", "0 2 * * 1-5", "0 0 2 L * ? 2030"]),
    "timezone": st.sampled_from(["Asia/Ho_Chi_Minh", "UTC", "Europe/Berlin"]),
    "start_date": st.just("2026-11-23"),
    "end_date": _DATES.filter(lambda day: day > "2026-11-23"),
    "execute_at": st.just("2026-11-23T08:00:00+07:00"),
    "skip_holidays": st.just("VN"),
    "blackout_dates": st.lists(_DATES, max_size=2),
    "jitter": st.floats(0, 1),
    "delays_seconds": st.lists(st.integers(0, 9), min_size=1, max_size=3),
    "on": st.lists(st.sampled_from(["failed", "trapped"]), max_size=2),
    "module_id": st.sampled_from(["prices", "prices@^1.2", "{{input.module}}"]),
    "permissions": st.just([{"permission": "http:read", "resource": "https://api.example.com/*"}]),
    "url": st.sampled_from(["https://api.example.com/v1", "https://{{input.host}}/a?b={{input.c}}", "${BASE}/x"]),
    "token_url": st.just("https://id.example.com/token"),
    "headers": st.dictionaries(st.sampled_from(["X-Id", "Accept"]), st.sampled_from(["a", "{{input.a}}"])),
    "success_statuses": st.lists(st.sampled_from([200, 204, "2xx"]), min_size=1, max_size=2),
    "query": st.sampled_from(["SELECT 1", "SELECT {{input.n}}"]),
    "delimiter": st.sampled_from([",", ";"]),
    "quote": st.just('"'),
    "thousands": st.just(""),
    "wildcard_pattern": st.just("*.csv"),
    "encoding": st.just("utf-8"),
    "filter": st.just("n > 0"),
    "inputs": st.just(
        {
            **{name: {"type": "string", "default": "x"} for name in ("module", "host", "a", "c", "rows")},
            "n": {"type": "integer", "default": 5, "minimum": 1, "maximum": 9.5, "enum": [5, 7]},
            "go": {"type": "boolean", "default": True, "description": "whether"},
        }
    ),
    "notes": st.dictionaries(TEXT, ANYTHING, max_size=2),
    "condition": st.just("input.go == true"),
}

_OF: dict[tuple[type, str], SearchStrategy[Any]] = {
    (Webhook, "headers"): st.lists(st.sampled_from(["X-Request-ID", "Date"]), max_size=2, unique=True),
}
"""Of one type, where others have a field of that name."""

_OF_A_QUERY = {"connection", "query", "parameters", "read_only", "max_rows", "timeout_seconds"}
_OF_A_SERVER = {"host", "port", "username", "auth", "host_key"}


@st.composite
def jobs(draw: DrawFn, *, types: tuple[StepType, ...] = tuple(CONFIGS)) -> dict[str, Any]:
    """Valid jobs in canonical form, of steps of these types."""
    fields = draw(_struct(described(Job), leave_out=frozenset({"steps"})))
    count = draw(st.integers(1, 3))
    fields["steps"] = [draw(steps(f"s{place}", draw(st.sampled_from(types)))) for place in range(count)]
    return fields


@st.composite
def steps(draw: DrawFn, step_id: str, kind: StepType) -> dict[str, Any]:
    """Valid steps of that id and type."""
    routing = frozenset({"id", "type", "config", "next", "then", "on_failure"})
    fields = draw(_struct(described(Step), leave_out=routing))
    ways = {"next": st.just("end"), "on_failure": st.sampled_from(["fail", "continue"])}
    fields |= draw(st.fixed_dictionaries({}, optional=ways))
    config = draw(_struct(described(EVERY_CONFIG[kind])))
    return {"id": step_id, "type": kind, "config": _sensible(kind, config), **fields}


def tagged(step: dict[str, Any]) -> dict[str, Any]:
    """The step with its configuration inside its type."""
    tag = {kind: tag for tag, kind in TAGS.items()}[step["type"]]
    return {**step, "type": {"type": tag, **step["config"]}} | {"config": None}


def flat(step: dict[str, Any]) -> dict[str, Any] | None:
    """The step with its configuration beside its type; None if a field of it would be taken for the step's own."""
    if step["config"].keys() & STEP_FIELDS:
        return None
    tag = {kind: tag for tag, kind in TAGS.items()}[step["type"]]
    rest = {name: value for name, value in step.items() if name != "config"}
    return {**rest, "type": tag, **step["config"]}


@st.composite
def broken(draw: DrawFn, document: dict[str, Any]) -> tuple[dict[str, Any], Path]:
    """The document with one unknown field, or one value of a wrong type, and where."""
    found = list(_places(document, described(Job), ()))
    path, kind = draw(st.sampled_from(found))
    if isinstance(kind, kinds.StructType) and draw(st.booleans()):
        return _changed(document, (*path, "unknwon"), draw(ANYTHING)), (*path, "unknwon")
    wrong = [each for each in (5.5, True, "text", ["x"], {"x": 1}) if not _may_be(each, kind)]
    return _changed(document, path, draw(st.sampled_from(wrong))), path


def _struct(kind: kinds.Type, *, leave_out: frozenset[str] = frozenset()) -> SearchStrategy[dict[str, Any]]:
    assert isinstance(kind, kinds.StructType)
    fields = {each.encode_name: each for each in kind.fields if each.encode_name not in leave_out}
    known = {**_NAMED, **{name: made for (cls, name), made in _OF.items() if cls is kind.cls}}
    values = {name: known[name] if name in known else _value(each.type) for name, each in fields.items()}
    needed = {name: value for name, value in values.items() if fields[name].required}
    if kind.tag_field is not None:
        needed[kind.tag_field] = st.just(kind.tag)
    return st.fixed_dictionaries(needed, optional={name: each for name, each in values.items() if name not in needed})


def _value(kind: kinds.Type) -> SearchStrategy[Any]:  # noqa: PLR0911 - one return a case
    match kind:
        case kinds.UnionType(types=types):
            return st.one_of(*(_value(each) for each in types if not isinstance(each, kinds.NoneType)))
        case kinds.StructType():
            return _struct(kind)
        case kinds.ListType(item_type=item) | kinds.VarTupleType(item_type=item):
            return st.lists(_value(item), max_size=2)
        case kinds.DictType(value_type=item):
            return st.dictionaries(TEXT.filter(bool), _value(item), max_size=2)
        case kinds.LiteralType(values=values):
            return st.sampled_from(values)
        case kinds.BoolType():
            return st.booleans()
        case kinds.IntType():
            return st.integers(1, 9)
        case kinds.FloatType():
            return st.integers(1, 9) | st.floats(0.5, 9)
        case kinds.StrType():
            return TEXT.filter(bool)
        case _:
            return ANYTHING


def _sensible(kind: StepType, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without members that exclude each other."""
    match kind:
        case "database":
            config = {name: value for name, value in config.items() if name in _OF_A_QUERY}
            by_place = isinstance(config.get("parameters"), list) and bool(config["parameters"])
            config |= {"connection": "shop", "query": "SELECT 1" if by_place else "SELECT {{input.n}}"}
        case "file_processing":
            config = {name: value for name, value in config.items() if name not in {"data_source", "sheets", "to"}}
            config["operation"] = "read" if config["operation"] == "read" else "write"
            config |= {"data_source": "{{input.rows}}"} if config["operation"] == "write" else {}
        case "sftp":
            config = {name: value for name, value in config.items() if name not in _OF_A_SERVER}
            config |= {"connection": "bank", "local_path": "a.csv"}
        case _:
            pass
    return config


def _places(value: Any, kind: kinds.Type, path: Path) -> Iterator[tuple[Path, kinds.Type]]:
    """Every place of the value that has a type of its own, the whole aside."""
    for key, inner, wanted in _members(value, kind):
        if not isinstance(wanted, kinds.AnyType):
            yield (*path, key), wanted
        yield from _places(inner, wanted, (*path, key))
        if key == "config" and kind == described(Step):
            yield from _places(inner, described(EVERY_CONFIG[value["type"]]), (*path, key))


def _members(value: Any, kind: kinds.Type) -> Iterator[tuple[str | int, Any, kinds.Type]]:
    match kind:
        case kinds.UnionType(types=types):
            for each in types:
                if isinstance(each, kinds.StructType) and isinstance(value, dict):
                    if each.tag_field is None or value.get(each.tag_field) == each.tag:
                        yield from _members(value, each)
                elif _may_be(value, each):
                    yield from _members(value, each)
        case kinds.StructType() if isinstance(value, dict):
            yield from ((f.encode_name, value[f.encode_name], f.type) for f in kind.fields if f.encode_name in value)
        case kinds.ListType(item_type=item) | kinds.VarTupleType(item_type=item) if isinstance(value, list):
            yield from ((place, each, item) for place, each in enumerate(value))
        case kinds.DictType(value_type=item) if isinstance(value, dict):
            yield from ((key, each, item) for key, each in value.items())


_PYTHON: dict[type[kinds.Type], tuple[type, ...]] = {
    kinds.BoolType: (bool,),
    kinds.IntType: (int,),
    kinds.FloatType: (int, float),
    kinds.StrType: (str,),
    kinds.ListType: (list,),
    kinds.VarTupleType: (list,),
    kinds.DictType: (dict,),
    kinds.StructType: (dict,),
    kinds.NoneType: (type(None),),
}


def _may_be(value: Any, kind: kinds.Type) -> bool:
    """Whether the JSON type is one that the kind allows; `text` and `{"x": 1}` never mean a literal or a struct."""
    match kind:
        case inspect.UnionType(types=types):
            return any(_may_be(value, each) for each in types)
        case inspect.LiteralType(values=values):
            return value in values
        case inspect.AnyType():
            return True
        case inspect.StructType() if value == {"x": 1}:
            return False
        case _:
            allowed = _PYTHON[type(kind)]
            return isinstance(value, allowed) and (not isinstance(value, bool) or bool in allowed)


def _changed(document: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(document)
    inner: Any = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made
