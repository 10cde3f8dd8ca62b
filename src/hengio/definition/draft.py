"""A job as far as a document with errors of shape tells it, so that what its steps mean can be checked all the same."""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec

from hengio.codec import Json
from hengio.definition import parse, shape
from hengio.definition.ranges import MAX_STEPS
from hengio.model.job import Job
from hengio.model.step import Step

_NEEDED = frozenset({"id", "type"})
_TYPES = get_type_hints(Step)


def job(document: Json) -> Job | None:
    """The job with every field of its steps that fits, the others left out; never for running.

    None where the steps cannot be told apart: one is no object, or its `id` or `type` is missing or does not fit.
    """
    steps = document.get("steps") if isinstance(document, dict) else None
    if not isinstance(steps, list) or not 0 < len(steps) <= MAX_STEPS or parse.too_deep(document):
        return None
    fitting = [_fitting(step) for step in steps if isinstance(step, dict)]
    if len(fitting) < len(steps) or not all(step.keys() >= _NEEDED for step in fitting):
        return None
    try:
        return msgspec.convert({"name": "draft", "steps": fitting}, Job)
    except msgspec.ValidationError:
        return None


def _fitting(step: dict[str, Json]) -> dict[str, Any]:
    return {name: step[name] for name, wanted in _TYPES.items() if name in step and not _unfit(step[name], wanted)}


def _unfit(value: Json, wanted: Any) -> bool:
    return bool(shape.problems(value, wanted))
