"""Templates keep types, encode for their place and say what was there when a path is missing (H3, R13.3)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from hengio import codec
from hengio.codec import Raw
from hengio.definition import templates
from hengio.definition.context import Context, StepEntry
from hengio.definition.lookup import Withheld
from hengio.definition.templates import Malformed, Missing, Place, Unsafe, bind, holds, lookup, references, resolve


def entry(output: Any, **fields: Any) -> StepEntry:
    return StepEntry(raw=Raw(codec.encode(output)), fields={"status": "success", "attempt": 1, **fields})


@pytest.fixture
def context() -> Context:
    return Context(
        base={
            "input": {"n": 5, "text": 'say "hi"\n', "list": [1, {"a": None}], "url": "a/b?c=d&e", "tpl": "{{input.n}}"},
            "webhook": {"headers": {"X-Request-ID": "r-1"}},
            "execution_id": "e-1",
            "job_id": "j-1",
            "execution_date": "2026-11-23",
        },
        admin={"BASE": "https://api.test/v1?x=", "TOKEN": {"key": "s3cret"}, "REGION": "admin"},
        secret_names=frozenset({"TOKEN"}),
        variables={"REGION": "guest", "count": 3},
        steps={
            "fetch": entry({"a": 1, "b": [10, 20]}, duration_ms=12.5, completed_at="2026-11-23T00:00:00Z"),
            "skipped": StepEntry(raw=None, fields={"status": "skipped"}),
        },
    )


@pytest.mark.requirement("R13.3", "H3.8", "H3.9")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain {text} $5", "plain {text} $5"),
        ("{{input.n}}", 5),
        ("{{ input.list }}", [1, {"a": None}]),
        ("${count}", 3),
        ("n={{input.n}}, list={{input.list}}", 'n=5, list=[1,{"a":null}]'),
        ("{{input.text}}!", 'say "hi"\n!'),
        ("{{steps.fetch.output.b[1]}}", 20),
        ("{{steps.fetch.response.a}}", 1),
        ("{{steps.fetch.status}} {{steps.fetch.duration_ms}}", "success 12.5"),
        ("{{steps.fetch.error}}", None),
        ("{{webhook.headers.X-Request-ID}}", "r-1"),
        ("{{execution_id}}/{{job_id}}/{{execution_date}}", "e-1/j-1/2026-11-23"),
        ("${REGION} {{variables.REGION}}", "admin admin"),
        ("{{steps.skipped.output.x ?? input.n}}", 5),
        ("{{nominal_time ?? 'never'}}", "never"),
        ("{{input.list[1].a ?? 'null too'}}", "null too"),
        ("{{'{{'}}input.n}} {{'${'}}x}", "{{input.n}} ${x}"),
        ("{{input.tpl}} {{input.tpl}}", "{{input.n}} {{input.n}}"),
        ('{"a":{"b":{{input.n}}}}', '{"a":{"b":5}}'),
    ],
)
def test_a_template_becomes_its_value(context: Context, text: str, expected: Any) -> None:
    assert resolve(text, context) == expected


def test_lists_and_objects_are_filled_at_every_depth_but_their_keys_are_not(context: Context) -> None:
    value = {"{{input.n}}": ["{{input.n}}", {"x": "${count}", "y": None, "z": 1.5}]}
    assert resolve(value, context) == {"{{input.n}}": [5, {"x": 3, "y": None, "z": 1.5}]}


@pytest.mark.requirement("H3.10")
def test_a_url_takes_references_percent_encoded_and_variables_as_they_are(context: Context) -> None:
    url = resolve("${BASE}{{input.url}}&n={{input.n}}", context, place=Place.URL)
    assert url == "https://api.test/v1?x=a%2Fb%3Fc%3Dd%26e&n=5"
    assert unquote("a%2Fb%3Fc%3Dd%26e") == "a/b?c=d&e"


def test_a_reference_cannot_climb_out_of_a_url_path(context: Context) -> None:
    context.variables["up"] = ".."
    with pytest.raises(Unsafe, match="another path"):
        resolve("https://api.test/users/{{variables.up}}/admin", context, place=Place.URL)


@pytest.mark.requirement("H3.10")
def test_a_json_body_stays_the_json_it_was(context: Context) -> None:
    body = '{"quoted": "<{{input.text}}>", "bare": {{input.text}}, "list": {{input.list}}, "esc\\"": "{{input.n}}"}'
    filled = resolve(body, context, place=Place.JSON_BODY)
    expected = {"quoted": '<say "hi"\n>', "bare": 'say "hi"\n', "list": [1, {"a": None}], 'esc"': "5"}
    assert json.loads(filled) == expected


def test_a_backslash_cannot_undo_the_escapes_of_a_json_body(context: Context) -> None:
    with pytest.raises(Unsafe, match="backslash"):
        resolve('{"a": "\\{{input.text}}"}', context, place=Place.JSON_BODY)


@pytest.mark.requirement("H3.10")
@pytest.mark.parametrize("text", ["{{input.text}}", "x {{input.text}}"])
def test_a_header_refuses_control_characters(context: Context, text: str) -> None:
    with pytest.raises(Unsafe, match=r"U\+000A"):
        resolve({"X-Note": text}, context, place=Place.HEADER)


@pytest.mark.requirement("H3.12")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{steps.fetch.output.c}}", "`steps.fetch.output` has keys `a`, `b`; there is no `c`"),
        ("{{steps.fetch.output.b[2]}}", "`steps.fetch.output.b` is a list of 2; there is no [2]"),
        ("{{steps.fetch.output.a.x}}", "`steps.fetch.output.a` is a number; there is no `x`"),
        ("{{steps.fetch.output.c[0].d}}", "`steps.fetch.output` has keys `a`, `b`; there is no `c`"),
        ("{{steps.later.output}}", "step `later` has not run before this one; steps that have: `fetch`, `skipped`"),
        ("{{steps.skipped.output}}", "step `skipped` has no output (status: skipped)"),
        ("{{steps.fetch.outptu}}", "`steps.fetch` has no `outptu`"),
        ("{{nominal_time}}", "this execution has no `nominal_time`"),
        ("{{env.PATH}}", "there is no `env`"),
        ("${NOPE}", "there is no variable `NOPE`"),
        ("{{variables.TOKEN.kex}}", "`variables.TOKEN` has no `kex`"),
    ],
)
def test_a_missing_path_says_what_was_there(context: Context, text: str, message: str) -> None:
    with pytest.raises(Missing) as refused:
        resolve(text, context)
    reference = text.strip("{}$")
    assert refused.value.message == (f"{message} (`{reference}`)" if text.count(".") > 1 else message)


@pytest.mark.requirement("H3.12")
@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("{{steps.fetch.output.c.d}}", "config.input"),
        ("rows: {{steps.fetch.output.c.d}}", "config.input"),
        ({"rows": "{{steps.fetch.output.c.d}}"}, "config.input.rows"),
        ({"ok": "{{steps.fetch.output.a}}", "two words": [1, ["{{steps.fetch.output.c.d}}"]]}, None),
    ],
)
def test_a_missing_path_says_where_in_the_configuration_it_stands(
    context: Context, value: Any, place: str | None
) -> None:
    with pytest.raises(Missing) as refused:
        resolve(value, context, field="input")
    where = place or 'config.input["two words"][1][0]'
    assert refused.value.message.endswith(f"there is no `c` (`steps.fetch.output.c.d` in `{where}`)")


def test_what_is_refused_of_a_query_or_a_condition_names_the_whole_reference(context: Context) -> None:
    with pytest.raises(Missing, match=r"there is no `c` \(`steps\.fetch\.output\.c\.d` in `config\.query`\)$"):
        bind("SELECT {{steps.fetch.output.c.d}}", context, field="query")
    with pytest.raises(Missing, match=r"there is no `c` \(`steps\.fetch\.output\.c\.d`\)$"):
        holds("steps.fetch.output.c.d == 1", context)


def test_every_other_refusal_says_where_it_stands_too(context: Context) -> None:
    with pytest.raises(Withheld, match=r"\(in `config\.env\.TOKEN`\)$"):
        resolve({"TOKEN": "${TOKEN}"}, context, secrets=(), field="env")


def test_a_sensitive_variable_is_inserted_only_where_it_is_listed(context: Context) -> None:
    assert resolve("{{variables.TOKEN.key}}", context) == "s3cret"
    assert resolve("{{variables.TOKEN.key}}", context, secrets=("TOKEN",)) == "s3cret"
    assert "TOKEN" not in resolve("{{variables}}", context, secrets=())
    with pytest.raises(Withheld):
        resolve("${TOKEN}", context, secrets=())


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("x {{", 5, "it ends where a value should follow"),
        ("x {{a", 3, "`{{` is never closed"),
        ("x {{}}", 5, "unexpected `}`"),
        ("{{a == 1}}", 5, "unexpected `=`"),
        ('{{"a": 1}}', 6, "unexpected `:`"),
        ("cost ${5}", 6, "`${` is not followed by a variable's name and `}`"),
    ],
)
def test_a_bad_template_is_refused_at_its_column(context: Context, text: str, column: int, message: str) -> None:
    with pytest.raises(Malformed) as refused:
        resolve(text, context)
    assert (refused.value.column, refused.value.message) == (column, f"column {column}: {message}")


@pytest.mark.requirement("H3.13")
def test_sql_gets_parameters_and_never_text(context: Context) -> None:
    sql, values = bind("SELECT {{input.text}}::text, ${count} FROM t WHERE d = 'it''s' AND x={{input.n}}", context)
    assert sql == "SELECT :hengio_p1 ::text, :hengio_p2 FROM t WHERE d = 'it''s' AND x=:hengio_p3"
    assert values == {"hengio_p1": 'say "hi"\n', "hengio_p2": 3, "hengio_p3": 5}


@pytest.mark.requirement("H3.13")
@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("SELECT '{{input.n}}'", "quotes"),
        ("SELECT 'it''s {{input.n}}'", "quotes"),
        ('SELECT "{{input.n}}"', "quotes"),
        ("SELECT $q$ ' {{input.n}} $q$", "quotes"),
        ("SELECT 1 -- {{input.n}}", "a comment"),
        ("SELECT /* ' {{input.n}} */ 1", "a comment"),
    ],
)
def test_sql_refuses_a_template_inside_quotes_or_a_comment(context: Context, sql: str, where: str) -> None:
    with pytest.raises(Malformed, match=f"a template inside {where} of the SQL"):
        bind(sql, context)


def test_sql_after_quotes_and_comments_takes_templates_again(context: Context) -> None:
    sql, _ = bind("SELECT 'a' -- it's\n, /* \" */ {{input.n}}{{input.n}}", context)
    assert sql.endswith('/* " */ :hengio_p1 :hengio_p2')


def test_a_whole_output_can_stay_encoded(context: Context) -> None:
    value = resolve({"all": "{{steps.fetch.output}}", "part": "{{steps.fetch.output.a}}"}, context, raw=True)
    assert isinstance(value["all"], Raw)
    assert codec.encode(value) == b'{"all":{"a":1,"b":[10,20]},"part":1}'


def test_a_whole_output_within_a_text_is_never_kept_encoded(context: Context) -> None:
    context.steps["word"] = entry("hello")
    assert resolve("{{steps.word.output}} {{steps.word.output ?? 1}}", context, raw=True) == "hello hello"


def test_encoded_values_are_opened_where_a_path_leads_inside() -> None:
    base = {"input": Raw(b'{"a":[1]}'), "webhook": {"payload": Raw(b'{"b":2}')}}
    context = Context(base=base, admin={})
    assert resolve(["{{input.a[0]}}", "{{input}}", "{{webhook.payload.b}}"], context) == [1, {"a": [1]}, 2]
    assert isinstance(resolve("{{input}}", context, raw=True), Raw)


def test_references_are_listed_for_a_validator() -> None:
    found = references({"a": ["{{steps.x.output ?? input.y}} ${Z}"], "b": 5})
    assert [(str(each), each.optional) for each in found] == [
        ("steps.x.output", True),
        ("input.y", False),
        ("variables.Z", False),
    ]


@pytest.mark.requirement("R5.2")
def test_a_guest_looks_up_paths_and_not_the_secrets(context: Context) -> None:
    assert lookup(context, "variables.REGION") == (True, "admin")
    assert lookup(context, "steps.fetch.output.b[0]") == (True, 10)
    assert lookup(context, "variables.TOKEN.key") == (False, None)
    assert lookup(context, "variables.TOKEN.key", secrets=("TOKEN",)) == (True, "s3cret")
    assert lookup(context, "no such [path") == (False, None)


@pytest.mark.requirement("H3.14")
def test_a_condition_is_decided_from_the_context(context: Context) -> None:
    assert templates.holds("steps.fetch.output.a == 1 and ${count} in [3, 4]", context)
    assert not templates.holds("{{steps.skipped.output ?? null}} != null", context)
