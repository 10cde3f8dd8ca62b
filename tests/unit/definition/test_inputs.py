"""Inputs that a job declares: what is taken, what fills in, and what is refused, where and why (H2.1, H3.6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hengio.definition.inputs import InvalidInput, filled, read
from hengio.definition.schema import published
from hengio.definition.validate import Report, validate
from hengio.model.input import Input, InputType
from hengio.model.job import Job
from tests.support.builders import a_job

STEP = {"id": "a", "type": "database", "config": {"connection": "c", "query": "SELECT 1"}}
SCHEMA = Draft202012Validator(published())
REGIONS = {
    "region": Input(type="string", required=True, enum=("hn", "sgn")),
    "limit": Input(type="integer", default=5, minimum=1, maximum=9),
    "note": Input(type="string", max_length=3),
}


def declaring(**inputs: Any) -> Job:
    return a_job("a", inputs=inputs or REGIONS)


def problems(job: Job, value: Any) -> dict[str, tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        filled(job, value)
    return {one.path: (one.message, one.hint) for one in refused.value.problems}


def judged(inputs: Any, query: str = "SELECT 1", **fields: Any) -> Report:
    step = {**STEP, "config": {"connection": "c", "query": query}}
    return validate({"name": "j", "steps": [step], "inputs": inputs, **fields})


@pytest.mark.requirement("H2.1")
def test_what_is_not_given_has_its_default_or_is_not_there() -> None:
    assert filled(declaring(), {"region": "hn"}) == {"region": "hn", "limit": 5}
    assert filled(declaring(), {"region": "sgn", "limit": 7, "note": "gấp"}) == {
        "region": "sgn",
        "limit": 7,
        "note": "gấp",
    }


@pytest.mark.requirement("H2.1")
def test_a_job_that_declares_nothing_takes_anything_and_one_that_declares_no_input_takes_none() -> None:
    for value in (None, 1, "x", [1], {"a": 1}):
        assert filled(a_job("a"), value) == value
    assert filled(a_job("a", inputs={}), None) == {}
    assert problems(a_job("a", inputs={}), {"a": 1}) == {"$.input.a": ("the job has no such input", "")}


@pytest.mark.requirement("H2.1", "H3.5")
def test_all_that_is_wrong_with_an_input_is_told_at_once_with_its_place() -> None:
    assert problems(declaring(), {"regoin": "hn", "limit": 12, "note": "dài quá"}) == {
        "$.input.region": ("is required", "a string"),
        "$.input.limit": ("must be from 1 to 9, got 12", ""),
        "$.input.note": ("has 7 characters, at most 3 are taken", ""),
        "$.input.regoin": ("the job has no such input", "did you mean `region`?"),
    }
    assert problems(declaring(), {"region": "sgm"}) == {
        "$.input.region": ('expected one of `hn`, `sgn`, got "sgm"', "did you mean `sgn`?")
    }
    assert problems(declaring(), [1]) == {
        "$.input": ("expected an object, got a list", "with `region`, `limit`, `note`")
    }


FITTING: list[tuple[InputType, list[Any], list[Any]]] = [
    ("string", ["", "5"], [5, None, True, ["a"]]),
    ("integer", [0, -3, 10**30], [1.0, "1", True, None]),
    ("number", [0, 1.5, -2], ["1", False, None]),
    ("boolean", [True, False], [0, 1, "true"]),
    ("date", ["2026-02-28", "2028-02-29"], ["2026-02-29", "28/02/2026", "2026-2-8", "2026-02-28T00:00:00Z", 20260228]),
    (
        "datetime",
        ["2026-11-23T08:00:00+07:00", "2026-11-23T08:00:00.25Z", "2026-11-23t08:00:00z"],
        ["2026-11-23T08:00:00", "2026-11-23", "2026-11-23T25:00:00Z", 1],
    ),
    ("object", [{}, {"a": [1]}], [[], None, "{}"]),
    ("array", [[], [1, "a"]], [{}, None, "[]"]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), FITTING, ids=[kind for kind, *_ in FITTING])
def test_a_value_is_of_its_type_or_refused(kind: InputType, good: list[Any], bad: list[Any]) -> None:
    job = declaring(x=Input(type=kind))
    for value in good:
        assert filled(job, {"x": value}) == {"x": value}
    for value in bad:
        assert list(problems(job, {"x": value})) == ["$.input.x"]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (Input(type="array", max_length=1), [1, 2]),
        (Input(type="object", max_length=1), {"a": 1, "b": 2}),
        (Input(type="number", minimum=0.5), 0.25),
        (Input(type="number", maximum=2), 3),
        (Input(type="integer", enum=(1, 2)), 3),
        (Input(type="array", enum=([1],)), [True, 1]),
    ],
)
def test_what_leaves_its_limits_is_refused(declared: Input, value: Any) -> None:
    assert list(problems(declaring(x=declared), {"x": value})) == ["$.input.x"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one, max_size=2)))
def test_whatever_is_given_is_taken_or_refused_and_never_anything_else(value: Any) -> None:
    for kind, *_ in FITTING:
        job = declaring(x=Input(type=kind, enum=(value,)), y=Input(type=kind, max_length=1, maximum=3))
        try:
            filled(job, {"x": value, "y": value})
        except InvalidInput as refused:
            assert {one.path for one in refused.problems} <= {"$.input.x", "$.input.y"}


@pytest.mark.parametrize(
    ("text", "declared", "value"),
    [
        ("5", Input(type="integer"), 5),
        ("5", Input(type="string"), "5"),
        ("2026-11-23", Input(type="date"), "2026-11-23"),
        ("true", Input(type="boolean"), True),
        ("[1,2]", Input(type="array"), [1, 2]),
        ("five", Input(type="integer"), "five"),
        ("5", None, 5),
        ("hn", None, "hn"),
        ('{"a":1}', None, {"a": 1}),
        ("", None, ""),
    ],
)
def test_a_text_on_the_command_line_is_read_by_the_declared_type(text: str, declared: Input | None, value: Any) -> None:
    assert read(text, declared) == value


WRONG = [
    ({"1st": {"type": "string"}}, '$.inputs["1st"]', "`1st` cannot name an input"),
    ({"x": {"type": "strin"}}, "$.inputs.x.type", "expected one of `array`, `boolean`"),
    ({"x": {"typ": "string"}}, "$.inputs.x", "missing required field `type`"),
    ({"x": {"type": "string", "pattern": "a+"}}, "$.inputs.x.pattern", "unknown field `pattern`"),
    ({"x": {"type": "integer", "default": "5"}}, "$.inputs.x.default", 'expected a whole number, got "5"'),
    ({"x": {"type": "integer", "default": 9, "maximum": 5}}, "$.inputs.x.default", "must be at most 5, got 9"),
    ({"x": {"type": "string", "default": "c", "enum": ["a"]}}, "$.inputs.x.default", "expected one of `a`"),
    ({"x": {"type": "integer", "enum": [1, "2"]}}, "$.inputs.x.enum[1]", "expected a whole number"),
    ({"x": {"type": "integer", "enum": []}}, "$.inputs.x.enum", "an empty list lets no value in"),
    ({"x": {"type": "string", "minimum": 1}}, "$.inputs.x.minimum", "`minimum` is for numbers"),
    ({"x": {"type": "integer", "max_length": 1}}, "$.inputs.x.max_length", "`max_length` is not for"),
    ({"x": {"type": "string", "max_length": -1}}, "$.inputs.x.max_length", "must be at least 0"),
    ({"x": {"type": "integer", "minimum": 5, "maximum": 4}}, "$.inputs.x.maximum", "must not be less than `minimum`"),
]


@pytest.mark.requirement("H3.5", "H3.6")
@pytest.mark.parametrize(("inputs", "path", "message"), WRONG)
def test_a_declaration_that_is_not_sound_is_an_error_at_creation(inputs: Any, path: str, message: str) -> None:
    found = {one.path: one.message for one in judged(inputs).errors}
    assert message in found.get(path, ""), found


SCHEDULE = {"type": "cron", "expression": "0 0 2 * * ?"}


@pytest.mark.requirement("H3.6")
def test_an_input_that_a_trigger_of_the_job_can_not_give_needs_a_default() -> None:
    inputs = {"x": {"type": "string", "required": True}}
    assert judged(inputs).valid
    assert judged(inputs, schedule=SCHEDULE, triggers={"scheduled": False}).valid
    for fields, trigger in (
        ({"schedule": SCHEDULE}, "the schedule"),
        ({"triggers": {"webhook": {"enabled": True}}}, "a webhook"),
    ):
        [error] = judged(inputs, **fields).errors
        assert (error.path, trigger in error.message) == ("$.inputs.x", True)
        assert judged({"x": {**inputs["x"], "default": "a"}}, **fields).valid


@pytest.mark.requirement("H3.6", "H3.8")
def test_a_reference_to_an_input_that_is_not_declared_is_told_at_creation() -> None:
    inputs = {"region": {"type": "string"}, "limit": {"type": "integer", "default": 1}}
    [error] = judged(inputs, "SELECT {{input.regoin}}").errors
    assert "the job declares no input `regoin`" in error.message
    assert error.hint == "did you mean `region`?"
    [warning] = judged(inputs, "SELECT {{input.region}}, {{input.limit}}").warnings
    assert "the input `region` may be left out" in warning.message
    assert judged(inputs, "SELECT {{input.region ?? 'hn'}}, {{input}}").warnings == ()


@pytest.mark.requirement("H3.1")
def test_the_published_schema_knows_inputs() -> None:
    document = {"name": "j", "steps": [STEP], "inputs": {"x": {"type": "integer", "default": 1, "enum": [1]}}}
    assert SCHEMA.is_valid(document)
    for wrong in (
        {"1x": {"type": "string"}},
        {"x": {"type": "text"}},
        {"x": {}},
        {"x": {"type": "string", "enum": []}},
    ):
        assert not SCHEMA.is_valid({**document, "inputs": wrong})
