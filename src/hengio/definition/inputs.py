"""Inputs as a job declares them: are the declarations sound, what do texts mean, do the values given fit (H2.1). Pure.

A job without `inputs` takes any JSON. There are no patterns: no expression that an author writes is run on values that
others choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from hengio import codec
from hengio.codec import Json
from hengio.definition import ranges, words
from hengio.definition.findings import Findings
from hengio.errors import Problem, Refused
from hengio.ids import is_name
from hengio.model.input import Input, InputType
from hengio.model.job import Job

PATH = "$.input"
MOST = 100
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_NUMBERS = ("integer", "number")
_MEASURED = {"string": "characters", "array": "items", "object": "keys"}
_WANTED: dict[InputType, tuple[str, str]] = {
    "string": ("a string", ""),
    "integer": ("a whole number", "without quotes and without a fraction"),
    "number": ("a number", "without quotes"),
    "boolean": ("true or false", "without quotes"),
    "date": ("a date", "write it as `2026-11-23`"),
    "datetime": ("a date and time", "write it with its offset, as `2026-11-23T08:00:00+07:00`"),
    "object": ("an object", ""),
    "array": ("a list", ""),
}
"""What each type is called, and how its values are written."""


class InvalidInput(Refused):
    """An input that is not what its job declares. `problems` tells everything that is wrong with it."""

    code = "invalid_input"


def filled(job: Job, given: Json) -> Json:
    """The input of an execution of the job: what is given, with the defaults of what is not.

    Of a job that declares no inputs, `given` itself. Raises `InvalidInput` with every problem and its JSON path.
    """
    if job.inputs is None:
        return given
    given = {} if given is None else given
    if problems := list(_problems(job.inputs, given))[:MOST]:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InvalidInput(f"the input of job '{job.name}' has {count}", problems=problems)
    defaults = {name: each.default for name, each in job.inputs.items() if each.default is not UNSET}
    return {**defaults, **given}


def read(text: str, declared: Input | None) -> Json:
    """What a text on the command line means: by the declared type, else as JSON where it is some. A text that is no
    value of the type stays a text, which `filled` then refuses."""
    if declared is not None and declared.type in {"string", "date", "datetime"}:
        return text
    try:
        return codec.decode(text.encode(errors="replace"))
    except codec.InvalidJson:
        return text


def check(job: Job, findings: Findings) -> None:
    """Tell what is wrong with the declarations themselves, and which triggers could never give what they ask for."""
    for name, declared in (job.inputs or {}).items():
        if findings.full:
            return
        path = words.child("$.inputs", name)
        if not is_name(name):
            findings.error(
                path, f"`{words.cut(name)}` cannot name an input", "a letter, then letters, digits, `_`, `-`"
            )
        ranges.check(asdict(declared), ranges.INPUT, findings, path)
        for problem in _unsound(declared, path):
            findings.error(problem.path, problem.message, problem.hint)
        if declared.required and declared.default is UNSET and (trigger := _giving_nothing(job)):
            findings.error(path, f"is required and has no default, and {trigger} gives none", "give it a `default`")


def _giving_nothing(job: Job) -> str:
    """The trigger of the job that starts it without an input, if there is one."""
    if job.schedule is not None and job.triggers.scheduled:
        return "the schedule"
    return "a webhook, whose payload is `webhook.payload`," if job.triggers.webhook.enabled else ""


def _unsound(declared: Input, path: str) -> Iterator[Problem]:
    """Limits that its type does not have or that leave nothing, and a default and members of `enum` that do not fit."""
    for name in ("minimum", "maximum"):
        if getattr(declared, name) is not None and declared.type not in _NUMBERS:
            yield Problem(f"{path}.{name}", f"`{name}` is for numbers, not for the type `{declared.type}`")
    if declared.max_length is not None and declared.type not in _MEASURED:
        yield Problem(f"{path}.max_length", f"`max_length` is not for the type `{declared.type}`")
    if declared.minimum is not None and declared.maximum is not None and declared.maximum < declared.minimum:
        yield Problem(f"{path}.maximum", "must not be less than `minimum`")
    if declared.enum is not None and not declared.enum:
        yield Problem(f"{path}.enum", "an empty list lets no value in")
    for place, member in enumerate(declared.enum or ()):
        yield from _unfit(member, declared, f"{path}.enum[{place}]", listed=False)
    if declared.default is not UNSET:
        yield from _unfit(declared.default, declared, f"{path}.default")


def _problems(inputs: Mapping[str, Input], given: Json) -> Iterator[Problem]:
    if not isinstance(given, dict):
        hint = f"with {words.listed(inputs)}" if inputs else ""
        yield Problem(PATH, f"expected an object, got {words.kind(given)}", hint)
        return
    for name, declared in inputs.items():
        path = words.child(PATH, name)
        if name in given:
            yield from _unfit(given[name], declared, path)
        elif declared.required and declared.default is UNSET:
            yield Problem(path, "is required", declared.description or f"{_WANTED[declared.type][0]}")
    for name in given:
        if name not in inputs:
            hint = words.nearest(name, [each for each in inputs if each not in given] or inputs)
            yield Problem(words.child(PATH, name), "the job has no such input", hint)


def _unfit(value: Json, declared: Input, path: str, *, listed: bool = True) -> Iterator[Problem]:
    """What keeps a value from being one of the input; unless `listed`, whether it is in `enum` is not asked."""
    if not _FITS[declared.type](value):
        wanted, hint = _WANTED[declared.type]
        yield Problem(path, f"expected {wanted}, got {words.shown(value)}", hint)
    elif listed and declared.enum is not None and not any(_same(value, each) for each in declared.enum):
        known = [each if isinstance(each, str) else codec.encode(each).decode() for each in declared.enum]
        hint = words.close(value, known) if isinstance(value, str) else ""
        yield Problem(path, f"expected one of {words.listed(known)}, got {words.shown(value)}", hint)
    elif declared.type in _NUMBERS and not _between(value, declared):
        yield Problem(path, f"must be {_bounds(declared)}, got {words.shown(value)}")
    elif declared.max_length is not None and declared.type in _MEASURED and len(value) > declared.max_length:
        yield Problem(path, f"has {len(value)} {_MEASURED[declared.type]}, at most {declared.max_length} are taken")


def _reads(text: str, kind: type[date]) -> bool:
    try:
        kind.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _same(one: Json, other: Json) -> bool:
    """As JSON has it: true is not 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _between(value: Any, declared: Input) -> bool:
    low, high = declared.minimum, declared.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _bounds(declared: Input) -> str:
    low, high = declared.minimum, declared.maximum
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_date(value: Json) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value) is not None and _reads(value, date)


def _is_datetime(value: Json) -> bool:
    return isinstance(value, str) and _DATETIME.fullmatch(value) is not None and _reads(value, datetime)


_FITS: dict[InputType, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "date": _is_date,
    "datetime": _is_datetime,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, (list, tuple)),
}
