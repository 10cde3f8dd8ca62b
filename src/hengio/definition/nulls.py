"""An optional field that is null is one that is not there (H3.4): how some programs write what their users left out.

Only where absence means the field's usual value. Where a null is a value of its own (`input` of a wasm step) it stays,
and where it would lift a restriction (`permissions`) it stays an error.
"""

from __future__ import annotations

from msgspec import NODEFAULT
from msgspec import inspect as kinds

from hengio.codec import Json
from hengio.definition import shape


def without(value: Json, wanted: type) -> Json:
    """The value without nulls in optional fields of the type and of the types inside it; the rest as it is."""
    return _without(value, shape.described(wanted))


def _without(value: Json, wanted: kinds.Type) -> Json:
    match wanted:
        case kinds.StructType() if isinstance(value, dict):
            fields = {field.encode_name: field for field in wanted.fields}
            return {
                name: _without(each, fields[name].type) if name in fields else each
                for name, each in value.items()
                if each is not None or name not in fields or not _optional(fields[name])
            }
        case kinds.ListType(item_type=item) | kinds.VarTupleType(item_type=item) if isinstance(value, list):
            return [_without(each, item) for each in value]
        case kinds.UnionType(types=types) if isinstance(value, dict):
            meant = [each for each in types if isinstance(each, kinds.StructType) and _means(value, each)]
            return _without(value, meant[0]) if len(meant) == 1 else value
        case kinds.UnionType(types=types) if isinstance(value, list):
            lists = [each for each in types if isinstance(each, (kinds.ListType, kinds.VarTupleType))]
            return _without(value, lists[0]) if len(lists) == 1 else value
        case _:
            return value


def _optional(field: kinds.Field) -> bool:
    """Whether absence stands for a value; a field that may be `UNSET` has none."""
    return field.default is not NODEFAULT or field.default_factory is not NODEFAULT


def _means(value: dict[str, Json], struct: kinds.StructType) -> bool:
    return struct.tag_field is None or value.get(struct.tag_field) == struct.tag
