"""Checks a JSON value against a msgspec type and tells everything that is wrong, each with its JSON path (H3).

msgspec itself stops at the first error and does not know templates, so this walks the type's own description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from msgspec import inspect as kinds

from hengio.codec import Json
from hengio.definition import words
from hengio.definition.templates import is_template
from hengio.errors import Problem

MAX_PROBLEMS = 100
_SECRET = frozenset(
    {"auth", "client_secret", "connection_string", "headers", "passphrase", "password", "private_key"}
    | {"secret_key", "secrets", "token"}
)
"""Fields of which no value is repeated: whoever got the shape wrong may have written the secret itself."""


def problems(value: Json, wanted: type, *, path: str = "$", templates: bool = False) -> list[Problem]:
    """What keeps `value` from being a `wanted`: the first 100 problems. With `templates`, any string with one fits."""
    return list(islice(_Walk(templates=templates).check(value, described(wanted), path), MAX_PROBLEMS))


@lru_cache(maxsize=64)
def described(wanted: type) -> kinds.Type:
    """The type's own description."""
    return msgspec.inspect.type_info(wanted)


class _Walk:
    def __init__(self, *, templates: bool) -> None:
        self._templates = templates

    def check(self, value: Json, wanted: kinds.Type, path: str) -> Iterator[Problem]:
        if self._templates and isinstance(value, str) and is_template(value):
            return
        match wanted:
            case kinds.UnionType(types=types):
                yield from self._one_of(value, types, path)
            case kinds.StructType() if isinstance(value, dict):
                yield from self._struct(value, wanted, path)
            case kinds.ListType(item_type=item) | kinds.VarTupleType(item_type=item) if isinstance(
                value, (list, tuple)
            ):
                for place, each in enumerate(value):
                    yield from self.check(each, item, words.child(path, place))
            case kinds.DictType(value_type=item) if isinstance(value, dict):
                for key, each in value.items():
                    yield from self.check(each, item, words.child(path, key))
            case _ if not _fits(value, wanted):
                yield _unfit(value, [wanted], path)

    def _one_of(self, value: Json, types: tuple[kinds.Type, ...], path: str) -> Iterator[Problem]:
        """A union: the members of the value's JSON type are looked into, the first that fits wins."""
        fitting = [each for each in types if _fits(value, each)]
        if len(tagged := [each for each in fitting if isinstance(each, kinds.StructType) and each.tag_field]) > 1:
            yield from self._tagged(value, tagged, path)
        elif len(fitting) == 1:
            yield from self.check(value, fitting[0], path)
        elif fitting:
            yield from min((list(self.check(value, each, path)) for each in fitting), key=len)
        else:
            yield _unfit(value, list(types), path)

    def _tagged(self, value: dict[str, Json], structs: list[kinds.StructType], path: str) -> Iterator[Problem]:
        field = str(structs[0].tag_field)
        tags = {str(each.tag): each for each in structs}
        tag = value.get(field)
        if field not in value:
            yield Problem(path, f"missing required field `{field}`", f"one of {words.listed(tags)}")
        elif not isinstance(tag, str) or tag not in tags:
            hint = words.close(tag, tags) if isinstance(tag, str) else ""
            message = f"expected one of {words.listed(tags)}, got {words.shown(tag)}"
            yield Problem(words.child(path, field), message, hint)
        else:
            yield from self._struct(value, tags[tag], path)

    def _struct(self, value: dict[str, Json], wanted: kinds.StructType, path: str) -> Iterator[Problem]:
        fields = {field.encode_name: field for field in wanted.fields}
        known = [*fields, *([wanted.tag_field] if wanted.tag_field else [])]
        for name, field in fields.items():
            if name in value:
                yield from self.check(value[name], field.type, words.child(path, name))
            elif field.required:
                yield Problem(path, f"missing required field `{name}`")
        for name in value:
            if name not in known and wanted.forbid_unknown_fields:
                free = [each for each in known if each not in value]
                hint = _deeper(str(name), wanted) or words.nearest(str(name), free)
                yield Problem(words.child(path, name), f"unknown field `{words.cut(str(name))}`", hint)


def _deeper(name: str, wanted: kinds.StructType) -> str:
    """A hint where the field is one of an object inside."""
    for field in wanted.fields:
        if isinstance(field.type, kinds.StructType) and any(name == each.encode_name for each in field.type.fields):
            return f"`{name}` belongs into `{field.encode_name}`"
    return ""


def _whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_KINDS: dict[type[kinds.Type], tuple[str, Callable[[Any], bool]]] = {
    kinds.AnyType: ("anything", lambda value: True),
    kinds.NoneType: ("null", lambda value: value is None),
    kinds.BoolType: ("true or false", lambda value: isinstance(value, bool)),
    kinds.IntType: ("a whole number", _whole),
    kinds.FloatType: ("a number", lambda value: _whole(value) or isinstance(value, float)),
    kinds.StrType: ("a string", lambda value: isinstance(value, str)),
    kinds.ListType: ("a list", lambda value: isinstance(value, (list, tuple))),
    kinds.VarTupleType: ("a list", lambda value: isinstance(value, (list, tuple))),
    kinds.DictType: ("an object", lambda value: isinstance(value, dict)),
    kinds.StructType: ("an object", lambda value: isinstance(value, dict)),
}


def _fits(value: Json, wanted: kinds.Type) -> bool:
    """Whether the value is of the type, its members aside."""
    if isinstance(wanted, kinds.LiteralType):
        return isinstance(value, str) and value in wanted.values
    return _KINDS[type(wanted)][1](value)


def _unfit(value: Json, wanted: list[kinds.Type], path: str) -> Problem:
    literals = [str(each) for kind in wanted if isinstance(kind, kinds.LiteralType) for each in kind.values]
    names = [f"one of {words.listed(literals)}"] if literals else []
    names += [_KINDS[type(each)][0] for each in wanted if type(each) in _KINDS and not isinstance(each, kinds.NoneType)]
    expected = " or ".join(dict.fromkeys(names)) or "null"
    hint = words.close(value, literals) if isinstance(value, str) and literals else ""
    got = words.kind(value) if path.rpartition(".")[2] in _SECRET else words.shown(value)
    return Problem(path, f"expected {expected}, got {got}", hint)
