"""Laws of the definition language that hold for every text and every value (H3)."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from hengio import codec
from hengio.definition import expressions, parse, templates, words
from hengio.definition.context import Context, StepEntry, merged
from hengio.definition.evaluation import Mismatch, Missing, same
from hengio.definition.expressions import Malformed
from hengio.definition.parse import InvalidDefinition
from hengio.definition.templates import Place, Unsafe, resolve
from hengio.definition.validate import validate
from hengio.errors import Refused

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=4)
WORDS = st.sampled_from(
    r"""{{ }} ${ } steps . a-b [ ] 0 " ' \ ?? == < ( ) , true null -1.5 e9 input variables X ế __class__""".split()
    + "not |and | or | in | |\n".split("|")
)
SCRIBBLES = st.lists(WORDS, max_size=25).map("".join) | TEXT


def context(**given_input: Any) -> Context:
    steps = {"a-b": StepEntry(raw=codec.Raw(b'{"x":[1]}'), fields={"status": "success"})}
    return Context(base={"input": given_input}, admin={"X": "admin"}, steps=steps)


@pytest.mark.requirement("H3.8")
@given(SCRIBBLES)
def test_reading_any_text_ends_in_a_tree_or_in_its_own_error(text: str) -> None:
    for read in (expressions.condition, expressions.reference, templates.compiled, templates.references):
        try:
            read(text)
        except Malformed as error:
            assert 1 <= error.column <= len(text) + 1


@pytest.mark.requirement("H3.8")
@given(SCRIBBLES)
def test_filling_in_any_text_yields_a_value_or_a_refusal(text: str) -> None:
    for place in Place:
        with suppress(Malformed, Missing, Unsafe):
            codec.encode(resolve(text, context(x=1), place=place))
    with suppress(Malformed, Missing):
        templates.bind(text, context(x=1))


@given(SCRIBBLES)
def test_deciding_any_condition_yields_a_boolean_or_a_refusal(text: str) -> None:
    with suppress(Malformed, Missing, Mismatch):
        assert isinstance(templates.holds(text, context(x=1)), bool)


@pytest.mark.requirement("H3.9", "R13.3")
@given(VALUES)
def test_an_exact_reference_keeps_the_value_and_its_type(value: Any) -> None:
    for place in (Place.TEXT, Place.URL, Place.JSON_BODY):
        assert same(resolve("{{input.v}}", context(v=value), place=place), value)
    _, values = templates.bind("SELECT {{input.v}}", context(v=value))
    assert same(values["hengio_p1"], value)


@pytest.mark.requirement("H3.11")
@given(TEXT | SCRIBBLES)
def test_what_was_inserted_is_never_scanned_again(value: str) -> None:
    assert resolve("<{{input.v}}>", context(v=value)) == f"<{value}>"


@pytest.mark.requirement("H3.8")
@given(TEXT)
def test_any_value_without_templates_is_left_as_it_is(text: str) -> None:
    value = {text.replace("$", "").replace("{", ""): [text.replace("$", "").replace("{", ""), 1, None]}
    assert resolve(value, context()) == value


@pytest.mark.requirement("H3.10")
@given(VALUES)
def test_a_url_gives_back_what_was_inserted(value: Any) -> None:
    text = value if isinstance(value, str) else codec.encode(value).decode()
    if text in {".", ".."}:
        return
    url = urlsplit(resolve("https://h.test/p/{{input.v}}/q?k={{input.v}}#f", context(v=value), place=Place.URL))
    assert unquote(url.path) == f"/p/{text}/q"
    assert url.path.count("/") == 3
    assert parse_qs(url.query, keep_blank_values=True, errors="strict") == {"k": [text]}
    assert (url.netloc, url.fragment) == ("h.test", "f")


@pytest.mark.requirement("H3.10")
@given(VALUES)
def test_a_json_body_gives_back_what_was_inserted(value: Any) -> None:
    text = value if isinstance(value, str) else codec.encode(value).decode()
    body = resolve('{"q\\"{{input.v}}": "<{{input.v}}>", "bare": {{input.v}}}', context(v=value), place=Place.JSON_BODY)
    assert same(json.loads(body), {f'q"{text}': f"<{text}>", "bare": value})


@pytest.mark.requirement("H3.8")
@given(st.lists(TEXT | st.integers(0, 999), max_size=5))
def test_a_printed_path_is_read_back(keys: list[str | int]) -> None:
    path = ("input", *(key for key in keys if not isinstance(key, str) or key.isprintable()))
    assert expressions.reference(words.dotted(path)).path == path


STEPS = st.builds(
    lambda place, type_, config, extra: {"id": f"s{place}", "type": type_, "config": config, **extra},
    st.integers(0, 99),
    st.sampled_from(["wasm", "database", "file_processing", "http", "sftp"]),
    OBJECTS,
    st.fixed_dictionaries(
        {},
        optional={
            "next": st.just("end") | st.lists(st.sampled_from(["s1", "s2", "s3"]), max_size=3),
            "condition": TEXT,
            "timeout_seconds": st.floats(0.1, 1e6) | st.integers(1, 99),
            "retry": st.fixed_dictionaries({}, optional={"max_retries": st.integers(0, 10), "on": st.lists(TEXT)}),
        },
    ),
)
SCHEDULES = st.none() | st.fixed_dictionaries(
    {"type": st.just("cron"), "expression": TEXT}, optional={"timezone": TEXT, "start_date": st.none() | TEXT}
)
JOBS = st.fixed_dictionaries(
    {"name": TEXT, "steps": st.lists(STEPS, max_size=4)},
    optional={"description": TEXT, "enabled": st.booleans(), "schedule": SCHEDULES, "notes": OBJECTS},
)


@pytest.mark.requirement("H3.1")
@given(JOBS)
def test_the_canonical_form_is_read_back_as_the_same_job(document: Any) -> None:
    try:
        job = parse.parse(document)
    except InvalidDefinition:  # a key that was drawn is one of ours, and its value none of them
        reject()
    written = parse.canonical(job)
    assert parse.parse(parse.read(written)) == job
    assert parse.canonical(parse.parse(parse.read(written))) == written


@pytest.mark.requirement("R13.1")
@given(JOBS | VALUES)
def test_any_document_gets_a_report(document: Any) -> None:
    report = validate(document)
    assert report.valid == (report.job is not None) == (report.normalized is not None)
    codec.encode(report.as_json())


@pytest.mark.requirement("H3.1")
@given(VALUES)
def test_json_written_as_yaml_means_the_same(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=True)
    if "\\ud" in text or "\\u" in text:
        return
    assert same(parse.read(text, format="yaml"), value)


@pytest.mark.requirement("H3.1")
@given(SCRIBBLES | st.binary(max_size=40))
def test_reading_any_bytes_ends_in_a_value_or_in_its_own_error(source: str | bytes) -> None:
    for form in ("json", "yaml", "auto"):
        try:
            codec.encode(parse.read(source, format=form))  # type: ignore[arg-type]
        except InvalidDefinition as error:
            assert error.problems


@pytest.mark.requirement("R11.4")
@given(OBJECTS, OBJECTS)
def test_merging_follows_rfc_7396(target: dict[str, Any], patch: dict[str, Any]) -> None:
    result = merged(target, patch)
    assert all(same(result[key], target[key]) for key in target.keys() - patch.keys())
    for key, value in patch.items():
        if value is None:
            assert key not in result
        elif isinstance(value, dict):
            assert same(result[key], merged(target.get(key), value))
        else:
            assert same(result[key], value)
    assert same(merged(result, patch), result)
    assert same(merged(target, {}), target)


@given(OBJECTS, OBJECTS)
def test_merging_changes_neither_of_its_sides(target: dict[str, Any], patch: dict[str, Any]) -> None:
    before = codec.encode([target, patch])
    merged(target, patch)
    assert codec.encode([target, patch]) == before


def test_every_error_of_the_language_is_a_refusal() -> None:
    assert all(issubclass(kind, Refused) for kind in (Malformed, Missing, Mismatch, Unsafe, InvalidDefinition))
