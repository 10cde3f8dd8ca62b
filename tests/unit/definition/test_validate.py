"""A definition is judged at creation: every problem at its JSON path, in words that help (H3, R12.5, R13.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hengio.definition.schema import published
from hengio.definition.validate import Report, validate
from hengio.model.module import ModuleFacts

SCHEMA = Draft202012Validator(published())
DB = {"connection": "shop", "query": "SELECT 1"}


def facts(**changes: Any) -> ModuleFacts:
    known: dict[str, Any] = {
        "kind": "reactor",
        "digest": "d",
        "size": 1,
        "entries": ("run", "validate"),
        "exports": (),
        "imports": (),
        "host_functions": (),
        "host_io_possible": False,
        "memory_minimum_bytes": 2 << 20,
        "memory_maximum_bytes": None,
        "abi_version": 1,
        "languages": (),
        "tools": (),
    }
    return ModuleFacts(**(known | changes))


@dataclass
class Known:
    """A small world: two modules, one variable, one connection."""

    variables: frozenset[str] | None = frozenset({"REGION"})
    connections: frozenset[str] | None = frozenset({"shop"})
    modules: dict[str, ModuleFacts] = field(
        default_factory=lambda: {"prices@1.0.0": facts(), "tool": facts(kind="command", entries=())}
    )

    def module(self, reference: str) -> ModuleFacts | None:
        return self.modules.get(reference)


def db(step_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "database", "config": DB, **fields}


def query(step_id: str, text: Any, **fields: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "database", "config": {"connection": "shop", "query": text}, **fields}


def wasm(step_id: str, **config: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "wasm", "config": {"module_id": "prices@1.0.0", **config}}


def files(**config: Any) -> dict[str, Any]:
    return {"id": "f", "type": "file_processing", "config": {"path": "a.csv", "format": "csv", **config}}


def judged(*steps: Any, **fields: Any) -> Report:
    """The report; what is valid must fit the published schema too."""
    report = validate({"name": "j", "steps": list(steps), **fields}, catalog=Known())
    if report.valid:
        SCHEMA.validate(report.normalized)
    return report


def said(report: Report) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in report.errors]


@pytest.mark.requirement("R1.5", "R13.1", "H3.1")
def test_a_good_job_of_every_step_type_is_valid_and_normalised() -> None:
    report = judged(
        query("rows", "SELECT * FROM prices WHERE day = {{execution_date}} AND region = ${REGION}"),
        wasm("judge", function_name="validate", fuel_limit=10, memory_limit_mb=64, params={"x": "{{input.x ?? 1}}"}),
        db("a", condition="steps.rows.output.row_count > 0", next=["b", "f"], then="last"),
        db("b"),
        files(operation="write", data_source="{{steps.rows.output.rows}}", max_rows="{{input.max ?? 5}}"),
        query("last", "UPDATE t SET n = {{steps.judge.output.n}}"),
        max_retries=3,
        notes={"any": "{{thing"},
    )
    assert said(report) == []
    assert report.warnings == ()
    assert report.valid
    assert report.job is not None
    assert report.normalized["steps"][0]["id"] == "rows"
    assert "max_retries" not in report.normalized


@pytest.mark.requirement("H3.5")
@pytest.mark.parametrize(
    ("document", "path", "message", "hint"),
    [
        ([], "$", "expected an object, got a list", ""),
        ({"steps": []}, "$", "missing required field `name`", ""),
        ({"name": "j", "steps": {}}, "$.steps", "expected a list, got an object", ""),
        ({"name": 5, "steps": []}, "$.name", "expected a string, got 5", ""),
        (
            {"name": "j", "steps": [], "tiemout_seconds": 5},
            "$.tiemout_seconds",
            "unknown field `tiemout_seconds`",
            "did you mean `timeout_seconds`?",
        ),
        (
            {"name": "j", "steps": [{"id": "a", "type": "databse"}]},
            "$.steps[0].type",
            'expected one of `database`, `file_processing`, `http`, `sftp`, `wasm`, got "databse"',
            "did you mean `database`?",
        ),
        ({"name": "j", "steps": [{"type": "wasm"}]}, "$.steps[0]", "missing required field `id`", ""),
        (
            {"name": "j", "steps": [], "overlap": 5},
            "$.overlap",
            "expected one of `allow`, `cancel_running`, `queue`, `skip`, got 5",
            "",
        ),
        (
            {"name": "j", "steps": [], "triggers": {"webhook": {"enabled": "yes"}}},
            "$.triggers.webhook.enabled",
            'expected true or false, got "yes"',
            "",
        ),
        ({"name": "j", "steps": [], "max_retries": True}, "$.max_retries", "expected a whole number, got true", ""),
    ],
)
def test_a_wrong_shape_is_told_with_path_and_nearest_name(document: Any, path: str, message: str, hint: str) -> None:
    report = validate(document)
    problem = next(each for each in report.errors if each.path == path)
    assert (problem.message, problem.hint) == (message, hint)
    assert not report.valid
    assert report.normalized is None


@pytest.mark.requirement("R1.5", "R13.1", "H3.6")
@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        (wasm("w", fuel_limit="abc"), ".config.fuel_limit", 'expected a whole number, got "abc"'),
        (wasm("w", fuel_limit=0), ".config.fuel_limit", "must be from 1 to 9223372036854775807, got 0"),
        (wasm("w", timeout_seconds=0), ".config.timeout_seconds", "must be greater than 0, got 0"),
        (wasm("w", memory_limit_mb=5000), ".config.memory_limit_mb", "must be from 1 to 4096, got 5000"),
        (wasm("w", memory_limit_mb=1), ".config.memory_limit_mb",
         "the module starts with 2 MiB, more than the limit of 1"),
        (wasm("w", fuel=1), ".config.fuel", "unknown field `fuel`"),
        (wasm("w", output_mode="raw"), ".config.output_mode", 'expected one of `auto`, `data`, got "raw"'),
        ({"id": "w", "type": "wasm"}, ".config", "missing required field `module_id`"),
        (wasm("w", module_id="nope"), ".config.module_id", "there is no module `nope`"),
        (wasm("w", module_id=""), ".config.module_id", '"" does not name a module'),
        (wasm("w", module_id="prices@^^1"), ".config.module_id", '"prices@^^1" does not name a module'),
        (wasm("w", function_name="rum"), ".config.function_name", "the module `prices@1.0.0` has no entry `rum`"),
        (db("a", timeout_seconds=-1), ".timeout_seconds", "must be greater than 0, got -1.0"),
        (db("a", max_visits=0), ".max_visits", "must be from 1 to 10000, got 0"),
        (db("a", retry={"max_retries": 11}), ".retry.max_retries", "must be from 0 to 10, got 11"),
        (db("a", retry={"delays_seconds": [5, -1]}), ".retry.delays_seconds[1]", "must be at least 0, got -1.0"),
        (db("a", retry={"delays_seconds": []}), ".retry.delays_seconds", "needs at least one delay"),
        (db("a", retry={"on": ["timedout"]}), ".retry.on[0]", "`timedout` is no outcome"),
        (db("a", retry={"max": 3}), ".retry.max", "unknown field `max`"),
        (query("a", "  "), ".config.query", "the statement is empty"),
        ({"id": "a", "type": "database", "config": {**DB, "parameters": [1], "batch": [[1]]}}, ".config.batch",
         "`parameters` and `batch` exclude each other"),
        (files(operation="read", data_source=[]), ".config.data_source", "`data_source` is for writing"),
        (files(operation="write"), ".config",
         "writing takes its rows from `data_source` or from `sheets`: exactly one of them"),
        (files(operation="write", sheets=[{"name": "s", "data_source": []}]), ".config.sheets",
         "a CSV file has no sheets"),
        (files(operation="read", format={"type": "cvs"}), ".config.format.type",
         'expected one of `csv`, `xlsx`, got "cvs"'),
        (files(operation="read", format={"delimiter": ";"}), ".config.format", "missing required field `type`"),
        (files(operation="read", format={"type": "csv", "delimiter": ";;"}), ".config.format.delimiter",
         'must be one character, got ";;"'),
        (files(operation="read", format={"type": "csv", "encoding": "utf8000"}), ".config.format.encoding",
         'there is no text encoding "utf8000"'),
        (files(operation="read", format=5), ".config.format", "expected one of `csv`, `xlsx` or an object, got 5"),
        (files(operation="read", transformations={"filter": "unit_price >"}), ".config.transformations.filter",
         "column 13: it ends where a value should follow"),
        (files(operation="read", transformations={"filter": "n > {{imput.n}}"}), ".config.transformations.filter",
         "column 7: there is no `imput` to refer to"),
    ],
)  # fmt: skip
def test_a_bad_step_is_told_at_its_place(step: dict[str, Any], path: str, message: str) -> None:
    assert said(judged(step)) == [(f"$.steps[0]{path}", message)]


@pytest.mark.requirement("R12.5", "H3.6")
@pytest.mark.parametrize(
    ("steps", "path", "message"),
    [
        ([], "$.steps", "a job needs at least one step"),
        ([db("a"), db("a")], "$.steps[1].id", "the id `a` is already that of $.steps[0]"),
        ([db("end")], "$.steps[0].id", "`end` is a word of the definition and cannot be a step id"),
        ([db("1 a")], "$.steps[0].id", '"1 a" is not a step id'),
        ([db("a", next="bb"), db("b")], "$.steps[0].next", "there is no step `bb`"),
        ([db("a", on_failure="end")], "$.steps[0].on_failure", "`end` ends the job and is meant for `next` alone"),
        ([db("a", on_failure="b2")], "$.steps[0].on_failure", "there is no step `b2`"),
        ([db("a", next=["b", "b"]), db("b")], "$.steps[0].next[1]", "`b` is named twice"),
        ([db("a", next=["b", "end"]), db("b")], "$.steps[0].next[1]",
         "`end` cannot be one of several; it stands alone"),
        ([db("a"), db("b", next=["a", "c"]), db("c")], "$.steps[1].next[0]",
         "`a` does not come after `b`; a fan-out only goes forward"),
        ([db("a", next=["b", "c"], then="b"), db("b"), db("c")], "$.steps[0].then",
         "`b` must come after every step of `next`"),
        ([db("a", next=["b", "c"], then="x"), db("b"), db("c")], "$.steps[0].then", "there is no step `x`"),
    ],
)  # fmt: skip
def test_bad_routing_is_told_at_its_place(steps: list[Any], path: str, message: str) -> None:
    assert said(judged(*steps)) == [(path, message)]


@pytest.mark.requirement("R13.1", "H3.6")
@pytest.mark.parametrize(
    ("steps", "path", "message"),
    [
        ([query("a", "x {{")], "$.steps[0].config.query", "column 5: it ends where a value should follow"),
        ([query("a", "SELECT '{{input.x}}'")], "$.steps[0].config.query",
         "column 9: a template inside quotes of the SQL"),
        ([query("a", "{{steps.b.output}}")], "$.steps[0].config.query", "column 3: there is no step `b`"),
        ([query("a", "{{steps.b.output}}"), db("b")], "$.steps[0].config.query",
         "column 3: `b` can never have run before `a`"),
        ([query("a", "{{steps.a.output}}")], "$.steps[0].config.query", "column 3: `a` can never have run before `a`"),
        ([db("r", next=["b", "c"]), db("b"), query("c", "{{steps.b.output}}")], "$.steps[2].config.query",
         "column 3: `b` can never have run before `c`"),
        ([db("a"), query("b", "{{steps.a.outptu}}")], "$.steps[1].config.query", "column 3: a step has no `outptu`"),
        ([db("a"), query("b", "{{steps.a.response}}")], "$.steps[1].config.query",
         "column 3: `response` is for http steps; `a` is a database step"),
        ([query("a", "{{env.HOME}}")], "$.steps[0].config.query", "column 3: there is no `env` to refer to"),
        ([query("a", "{{job_id.x}}")], "$.steps[0].config.query",
         "column 3: `job_id` is a text and has nothing inside"),
        ([db("a", condition="steps.a.status = 1")], "$.steps[0].condition", "column 16: unexpected `=`"),
        ([db("a", condition="steps.x.status == 1")], "$.steps[0].condition", "column 1: there is no step `x`"),
        ([wasm("w", params={"a b": ["{{nope.x}}"]})], '$.steps[0].config.params["a b"][0]',
         "column 3: there is no `nope` to refer to"),
    ],
)  # fmt: skip
def test_a_bad_reference_is_told_with_its_column(steps: list[Any], path: str, message: str) -> None:
    assert said(judged(*steps)) == [(path, message)]


@pytest.mark.requirement("H3.7")
@pytest.mark.parametrize(
    ("steps", "path", "message"),
    [
        ([query("a", "${REGON}")], "$.steps[0].config.query", "column 1: the variable `REGON` is not defined (yet)"),
        ([{"id": "a", "type": "database", "config": {**DB, "connection": "shpo"}}], "$.steps[0].config.connection",
         "the connection `shpo` is not defined (yet)"),
        ([wasm("w", secrets=["TOKEN"])], "$.steps[0].config.secrets[0]", "the variable `TOKEN` is not defined (yet)"),
        ([db("a", condition="input.go"), query("b", "{{steps.a.output}}")], "$.steps[1].config.query",
         "column 3: `a` has a condition: skipped, it has no output"),
        ([db("a", on_failure="continue"), query("b", "{{steps.a.output}}")], "$.steps[1].config.query",
         "column 3: `a` continues on failure: failed, it may have no output"),
        ([query("a", "{{steps.b.output ?? 1}}"), db("b")], "$.steps[0].config.query",
         "column 3: `b` can never have run before `a`"),
        ([db("a", next="c"), db("b"), db("c")], "$.steps[1]", "nothing leads to `b`: it can never run"),
        ([db("a", then="b"), db("b")], "$.steps[0].then", "has no effect without a list of steps in `next`"),
    ],
)  # fmt: skip
def test_what_may_still_come_right_is_a_warning(steps: list[Any], path: str, message: str) -> None:
    report = judged(*steps)
    assert report.valid
    assert [(each.path, each.message) for each in report.warnings] == [(path, message)]


def test_a_reference_with_a_default_or_a_guarding_condition_needs_no_warning() -> None:
    report = judged(
        db("a", condition="input.go"),
        query("b", "{{steps.a.output ?? 1}}"),
        query("c", "{{steps.a.output}}", condition="input.go"),
        query("d", "{{steps.a.output}}", condition="steps.a.status == 'success'"),
    )
    assert report.warnings == ()


@pytest.mark.requirement("R12.2")
def test_a_wasm_step_may_route_back_so_later_outputs_can_be_referred_to() -> None:
    assert judged(query("a", "{{steps.c.output}}"), db("c"), wasm("w")).warnings == ()


@pytest.mark.requirement("R12.3")
def test_what_only_a_modules_own_fan_out_could_run_before_is_a_warning() -> None:
    report = judged(wasm("w"), db("b", next="end"), db("c"), query("d", "{{steps.b.output}}"))
    assert report.valid
    message = "column 3: only a module's routing could run `b` before `d`"
    assert [each.message for each in report.warnings] == [message]


def test_the_function_of_a_command_is_its_argument_and_any_name_will_do() -> None:
    assert judged(wasm("w", module_id="tool", function_name="whatever")).valid


def test_without_a_catalog_nothing_outside_is_checked() -> None:
    steps = [wasm("w", module_id="unknown"), query("a", "${ANY}")]
    report = validate({"name": "j", "steps": steps})
    assert report.valid
    assert report.warnings == ()


@pytest.mark.requirement("H3.1")
def test_a_schedule_is_kept_as_it_was_written() -> None:
    schedule = {"type": "fixed_rate", "interval_seconds": 5}
    report = judged(db("a"), schedule=schedule)
    assert report.valid
    assert report.normalized["schedule"] == schedule


def test_problems_in_several_places_are_all_told_at_once() -> None:
    report = validate(
        {
            "name": "j",
            "max_retry": 1,
            "steps": [
                wasm("w", fuel_limit="much"),
                {"id": "b", "type": "database", "config": {**DB, "rows": 1}},
                {"id": "c", "type": "database"},
            ],
        }
    )
    assert [problem.path for problem in report.errors] == [
        "$.max_retry",
        "$.steps[0].config.fuel_limit",
        "$.steps[1].config.rows",
        "$.steps[2].config",
        "$.steps[2].config",
    ]


def test_the_report_can_be_printed_as_json() -> None:
    printed = judged(db("a", next="b")).as_json()
    problem = {"path": "$.steps[0].next", "message": "there is no step `b`", "hint": "known: `a`"}
    assert printed == {"valid": False, "errors": [problem], "warnings": [], "normalized": None}


def test_a_reference_without_a_form_is_told_also_where_nothing_is_known_of_modules() -> None:
    steps = [wasm("a", module_id="ok@^^1"), wasm("b", module_id="ok@^1"), wasm("c", module_id="{{input.module}}")]
    report = validate({"name": "j", "steps": steps})
    assert [problem.path for problem in report.errors] == ["$.steps[0].config.module_id"]
    assert "`name@^1.2`" in report.errors[0].hint


def test_a_module_that_is_not_there_is_told_with_those_that_are() -> None:
    report = judged(wasm("w", module_id="prices@9.0.0"))
    assert [problem.hint for problem in report.errors] == ["registered modules: `prices@1.0.0`, `tool`"]


def test_what_steps_mean_is_told_beside_errors_of_shape() -> None:
    report = judged(
        db("a", nxet="b", next="nowhere", timeout_seconds="long"),
        db("a", on_failure="nobody"),
        query("c", "{{steps.gone.output}}", next=["a", "x"], then="y"),
        wasm("d", module_id="unknown"),
        wasm("e", module_id="prices@1.0.0", functoin="run"),
        colour="red",
    )
    assert {problem.path for problem in report.errors} == {
        "$.colour",
        "$.steps[0].nxet",
        "$.steps[0].next",
        "$.steps[0].timeout_seconds",
        "$.steps[1].id",
        "$.steps[1].on_failure",
        "$.steps[2].config.query",
        "$.steps[2].next[0]",
        "$.steps[2].next[1]",
        "$.steps[2].then",
        "$.steps[3].config.module_id",
        "$.steps[4].config.functoin",
    }


@pytest.mark.parametrize("broken", [{"next": 5}, {"next": ["b", 5]}, {"then": 5}, {"condition": 5}, {"config": 5}])
def test_a_field_that_does_not_fit_makes_no_error_elsewhere(broken: dict[str, Any]) -> None:
    report = judged(db("a"), {**db("b"), **broken}, query("c", "{{steps.b.output}} {{steps.a.output}}"))
    assert report.errors
    assert all(problem.path.startswith("$.steps[1]") for problem in report.errors)


@pytest.mark.parametrize("step", [5, {"type": "database"}, {"id": 5, "type": "database"}, {"id": "b", "type": "sql"}])
def test_steps_that_cannot_be_told_apart_are_told_by_their_shape_alone(step: Any) -> None:
    report = judged(db("a", next="b"), step)
    assert report.errors
    assert all(problem.path.startswith("$.steps[1]") for problem in report.errors)
