"""A JSON Schema (2020-12) of the canonical form, for editors and for programs that write definitions (H3.1).

It is made from the same types and ranges that `validate` uses. What a schema cannot say (which step exists, what a
template refers to) `validate` alone knows; what this refuses, `validate` refuses too, except for the other spellings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import NODEFAULT, Struct
from msgspec import inspect as kinds

from hengio.codec import Json
from hengio.definition import prose, ranges, routes
from hengio.definition.configs import CONFIGS, CsvFormat, XlsxFormat
from hengio.definition.ranges import MAX_STEPS, Range
from hengio.definition.shape import described
from hengio.ids import NAME
from hengio.model.input import Input
from hengio.model.job import Job, RateLimit
from hengio.model.outcome import OutcomeKind
from hengio.model.policy import Retry
from hengio.model.schedule import CronSchedule, FixedDelay, FixedRate, Misfire, OneTime
from hengio.model.step import Step, StepType

ID = "urn:hengio:job-definition"
TITLE = "Hengio job definition, canonical form"
SPELLING = "The tagged and the flat spelling of steps are accepted too and normalised to this one."
_TEMPLATE = {
    "description": "A text with templates: `{{reference}}` or `${NAME}`. Its type is checked once it is filled in.",
    "type": "string",
    "pattern": r"\{\{|\$\{",
}
_IN_TEMPLATE = {"$ref": "#/$defs/Template"}
_ID = {"pattern": f"^{NAME}$", "not": {"enum": list(routes.RESERVED)}}
_OUTCOMES = [kind.value for kind in OutcomeKind if kind is not OutcomeKind.SUCCEEDED]

_RANGES: dict[type[Struct], Mapping[str, Range]] = {
    Job: ranges.JOB,
    RateLimit: ranges.RATE_LIMIT,
    Input: ranges.INPUT,
    Step: ranges.STEP,
    Retry: ranges.RETRY,
    Misfire: ranges.MISFIRE,
    CsvFormat: ranges.FORMAT,
    XlsxFormat: ranges.FORMAT,
    **dict.fromkeys((CronSchedule, FixedRate, FixedDelay, OneTime), ranges.SCHEDULE),
}
_MORE: dict[tuple[type[Struct], str], dict[str, Json]] = {
    (Job, "name"): {"pattern": r"\S"},
    (Job, "inputs"): {"propertyNames": {"pattern": f"^{NAME}$"}},
    (Job, "steps"): {"minItems": 1, "maxItems": MAX_STEPS},
    (Step, "id"): _ID,
    (Input, "enum"): {"minItems": 1},
    (Retry, "delays_seconds"): {"minItems": 1},
    (Retry, "on"): {"items": {"enum": _OUTCOMES}},
}
"""What is asked of a field beside its type and its range."""


def published(configs: Mapping[StepType, type[Struct]] = CONFIGS) -> dict[str, Json]:
    """The schema of jobs whose steps are of these types."""
    writer = _Writer(configs)
    root = writer.struct(described(Job), templates=False)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": TITLE,
        **root,
        "description": f"{root['description']} {SPELLING}",
        "$defs": {"Template": _TEMPLATE, **dict(sorted(writer.definitions.items()))},
    }


class _Writer:
    """Writes types as schemas; a struct becomes a definition of its own. In `templates`, any value may be one."""

    def __init__(self, configs: Mapping[StepType, type[Struct]]) -> None:
        self._configs = configs
        self._ranges = dict(_RANGES)
        for kind, config in configs.items():
            self._ranges[config] = ranges.CONFIG.get(kind, {})
        self.definitions: dict[str, dict[str, Json]] = {}

    def struct(self, wanted: kinds.Type, *, templates: bool) -> dict[str, Json]:
        """An object of exactly these fields."""
        assert isinstance(wanted, kinds.StructType)
        needed = [field.encode_name for field in wanted.fields if field.required]
        properties: dict[str, Json] = {}
        if wanted.tag_field is not None:
            properties[wanted.tag_field] = {"const": wanted.tag}
            needed.insert(0, wanted.tag_field)
        for field in wanted.fields:
            properties[field.encode_name] = self._field(wanted.cls, field, templates=templates)
        made = {"description": prose.of(wanted.cls), "type": "object", "properties": properties}
        if needed:
            made["required"] = needed
        return {**made, "additionalProperties": False}

    def _field(self, owner: type, field: kinds.Field, *, templates: bool) -> dict[str, Json]:
        made: dict[str, Json] = {}
        if told := prose.about(owner, field.encode_name):
            made["description"] = told
        if field.default is not NODEFAULT and isinstance(field.default, (bool, int, float, str)):
            made["default"] = field.default
        allowed = self._ranges.get(owner, {}).get(field.encode_name)
        return {**made, **self._value(field.type, allowed, templates), **_MORE.get((owner, field.encode_name), {})}

    def _value(self, wanted: kinds.Type, allowed: Range | None, templates: bool) -> dict[str, Json]:
        types = wanted.types if isinstance(wanted, kinds.UnionType) else (wanted,)
        made = [self._plain(each, allowed, templates) for each in types]
        if templates and not any(each == {} or each.get("type") == "string" for each in made):
            made.append(_IN_TEMPLATE)
        return made[0] if len(made) == 1 else {"anyOf": made}

    def _plain(self, wanted: kinds.Type, allowed: Range | None, templates: bool) -> dict[str, Json]:
        match wanted:
            case kinds.StructType(cls=cls):
                return self._reference(wanted, cls, templates=templates)
            case kinds.ListType(item_type=item) | kinds.VarTupleType(item_type=item):
                return {"type": "array", "items": self._value(item, allowed, templates)}
            case kinds.DictType(value_type=item):
                return {"type": "object", "additionalProperties": self._value(item, None, templates)}
            case kinds.LiteralType(values=values):
                return {"enum": list(values)}
            case _:
                return {**_NAMES[type(wanted)], **(_limits(allowed) if type(wanted) in _NUMBERS else {})}

    def _reference(self, wanted: kinds.StructType, cls: type, *, templates: bool) -> dict[str, Json]:
        name = cls.__name__
        if name not in self.definitions:
            self.definitions[name] = {}  # so that a type which holds itself ends
            made = self.struct(wanted, templates=templates)
            self.definitions[name] = self._with_configs(made) if cls is Step else made
        return {"$ref": f"#/$defs/{name}"}

    def _with_configs(self, step: dict[str, Json]) -> dict[str, Json]:
        """A step's `config` is what its `type` wants."""
        step["properties"]["type"]["enum"] = sorted(self._configs)
        return {**step, "allOf": list(self._choices())}

    def _choices(self) -> Iterator[dict[str, Json]]:
        for kind, config in sorted(self._configs.items()):
            wanted = described(config)
            reference = self._reference(wanted, config, templates=True)  # type: ignore[arg-type]
            then: dict[str, Any] = {"properties": {"config": reference}}
            if "required" in self.definitions[config.__name__]:
                then["required"] = ["config"]
            yield {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": then}


_NAMES: dict[type[kinds.Type], dict[str, Json]] = {
    kinds.AnyType: {},
    kinds.NoneType: {"type": "null"},
    kinds.BoolType: {"type": "boolean"},
    kinds.IntType: {"type": "integer"},
    kinds.FloatType: {"type": "number"},
    kinds.StrType: {"type": "string"},
}
_NUMBERS = (kinds.IntType, kinds.FloatType)


def _limits(allowed: Range | None) -> dict[str, Json]:
    if allowed is None:
        return {}
    made: dict[str, Json] = {"exclusiveMinimum" if allowed.above else "minimum": allowed.low}
    return made if math.isinf(allowed.high) else {**made, "maximum": allowed.high}
