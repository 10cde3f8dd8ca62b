"""Definitions are read from JSON and YAML alike, and hostile or broken text is refused where it is wrong (H3)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition import parse
from hengio.definition.parse import InvalidDefinition

YAML = """\
# nightly prices
name: giá hằng đêm
enabled: true
schedule: {type: cron, expression: 0 0 2 * * ?, start_date: 2026-11-23}
steps:
  - &first
    id: rows
    type: database
    config: &db {connection: shop, query: "SELECT 1", max_rows: 10}
  - id: again
    type: database
    on_failure: continue
    config:
      <<: *db
      query: |
        SELECT 2
notes: {on: no, at: 12:30, port: 0x1F, ratio: 1.5e3, nothing: ~, quoted: "5"}
"""


@pytest.mark.requirement("H3.1")
def test_yaml_means_the_same_as_json_without_yaml_1_1_surprises() -> None:
    document = parse.read(YAML)
    assert document["schedule"]["start_date"] == "2026-11-23"
    assert document["steps"][1]["config"] == {"connection": "shop", "query": "SELECT 2\n", "max_rows": 10}
    notes = {"on": "no", "at": "12:30", "port": "0x1F", "ratio": 1500.0, "nothing": None, "quoted": "5"}
    assert document["notes"] == notes
    job = parse.parse(document)
    assert (job.name, job.step("again").on_failure) == ("giá hằng đêm", "continue")


def test_json_is_recognised_by_its_first_character() -> None:
    assert parse.read(b'\xef\xbb\xbf {"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return "\n".join(lines)


@pytest.mark.requirement("H3.1")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b": }', "line 2, column 7: expecting value"),
        ('{"a": 1, "a": 2}', "the key `a` appears twice in one object"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": 1e999}', "the number 1e999 is too large"),
        ('{"a": ' + "1" * 5000 + "}", "a whole number has too many digits"),
        ('{"a": "\\ud800"}', "a string is not valid Unicode"),
        ("[" * 100 + "]" * 100, "nested more than 64 deep"),
        ("[" * 100_000, "nested more than 64 deep"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ("x" * (1 << 20) + "x", "larger than 1048576 bytes"),
        ("a: 1\nb: [1", "line 3, column 1: did not find expected ',' or ']'"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key `a` appears twice"),
        ("a: !!python/object:os.system x", "line 1, column 4: the tag `tag:yaml.org,2002:python/object:os.syste` "),
        ("? [a, b]\n: 1", "line 1, column 3: a key must be a string"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document begins"),
        ("a: &a [*a]", "line 1, column 8: the alias `*a` has no finished anchor before it"),
        ("a: " + "[" * 70 + "]" * 70, "line 1, column 67: nested more than 64 deep"),
        ("a: 1e999", "line 1, column 4: this number is too large"),
        ("<<: [1]", "line 1, column 1: `<<` needs a mapping"),
        (bomb(), "line 5, column 45: more than 100000 values"),
    ],
)
def test_broken_or_hostile_text_is_refused_with_its_place(text: str | bytes, message: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse.read(text)
    [problem] = refused.value.problems
    assert problem.path == "$"
    assert problem.message.startswith(message)


def test_a_definition_of_the_wrong_shape_tells_every_problem() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse.parse({"nam": "x", "steps": [{"type": "wasn"}]})
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["$", "$.steps[0]", "$.steps[0].type", "$.nam"]
    assert refused.value.message == "the job definition has 4 problems"


def test_the_canonical_form_leaves_defaults_out_and_keeps_notes() -> None:
    document: Any = {"name": "a", "max_retries": 3, "notes": {"z": 1, "a": 2}, "steps": [{"id": "s", "type": "wasm"}]}
    written = parse.canonical(parse.parse(document))
    assert b"max_retries" not in written
    assert b'"notes":{"z":1,"a":2}' in written
