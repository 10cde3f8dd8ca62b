"""The example modules, in the sandbox, on the real file. `HENGIO_TEST_MODULES` names the folder of other binaries."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hengio import codec
from hengio.definition.context import Context
from hengio.definition.validate import validate
from hengio.model.module import Limits
from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.protocol import Call
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from hengio.steps.guest import GuestView

EXAMPLES = Path(__file__).parents[2] / "examples"
MODULES = Path(os.environ.get("HENGIO_TEST_MODULES", EXAMPLES / "modules"))
CSV = EXAMPLES / "wildlife-strikes" / "data" / "birdstrikes.csv"
DAMAGE = "Effect Amount of damage"
STEPS: dict[str, Any] = {"alert_step": "alert", "normal_step": "store"}


@pytest.fixture(scope="module", name="sandbox")
def _sandbox() -> Iterator[WasmtimeSandbox]:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1))
    yield sandbox
    asyncio.run(sandbox.close())


@cache
def reports() -> list[dict[str, str]]:
    """The rows of the file, as a reader that converts nothing gives them."""
    with CSV.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """The first report, with which nothing is wrong, but for these columns."""
    return reports()[0] | (changes or {})


async def run(
    sandbox: WasmtimeSandbox, name: str, given: Any, *, variables: dict[str, Any] | None = None, **params: Any
) -> Outcome:
    """One call of a module with the default limits, as the wasm step makes it."""
    binary = (MODULES / name / f"{name}.wasm").read_bytes()
    base = {"abi": 1, "execution_id": "e1", "params": params, "variables": variables or {}, "input": given}
    call = Call(
        digest=hashlib.sha256(binary).hexdigest(),
        module_name=name,
        function="run",
        input=codec.encode(base),
        limits=Limits(),
        context=GuestView(Context(base={}, admin={}, variables=variables or {}), secrets=(), own={}),
    )

    async def fetch() -> bytes:
        return binary

    return await sandbox.call(call, fetch)


async def clean(sandbox: WasmtimeSandbox, rows: Any, **params: Any) -> Outcome:
    return await run(sandbox, "clean-strikes", {"rows": rows}, **params)


async def score(sandbox: WasmtimeSandbox, rows: Any, **params: Any) -> Outcome:
    return await run(sandbox, "score-strikes", {"rows": rows}, **STEPS, **params)


def output(outcome: Outcome) -> Any:
    """What the step would leave behind."""
    assert outcome.kind is OutcomeKind.SUCCEEDED, outcome.failure
    assert outcome.reply is not None
    return codec.decode(outcome.reply.output)


async def strikes(sandbox: WasmtimeSandbox, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Cleaned rows, one for each set of changes to a good report."""
    rows: list[dict[str, Any]] = output(await clean(sandbox, [report(each) for each in changes]))["rows"]
    assert len(rows) == len(changes)
    return rows


@pytest.mark.requirement("R2.2", "R11.2")
async def test_every_report_of_the_file_is_kept_rejected_or_a_duplicate(sandbox: WasmtimeSandbox) -> None:
    cleaned = output(await clean(sandbox, reports()))
    summary = cleaned["summary"]
    assert summary == {
        "read": 10_000,
        "kept": 9_923,
        "rejected": 53,
        "duplicates": 24,
        "repaired": 1_154,
        "by_reason": {"duplicate": 24, "implausible_speed": 11, "repair_without_damage": 27, "unknown_code": 15},
    }
    assert summary["kept"] == len(cleaned["rows"]) == len({row["strike_id"] for row in cleaned["rows"]})
    told = {row["row"] for row in cleaned["rejected"]}
    assert len(told) == summary["rejected"] + summary["duplicates"]
    assert told.isdisjoint(row["row"] for row in cleaned["rows"])


@pytest.mark.requirement("R2.2")
async def test_the_military_damage_codes_are_rejected_with_the_place_and_the_reason(sandbox: WasmtimeSandbox) -> None:
    rejected = output(await clean(sandbox, reports()))["rejected"]
    damaged = {row["row"] for row in rejected if row["field"] == DAMAGE}
    expected = {n for n, row in enumerate(reports(), start=1) if row[DAMAGE] in ("B", "C")}
    assert damaged == expected
    assert 'has no code "C"' in next(row["problem"] for row in rejected if row["reason"] == "unknown_code")


@pytest.mark.requirement("R11.2")
async def test_what_is_missing_in_a_kept_report_is_null_and_the_rest_is_typed(sandbox: WasmtimeSandbox) -> None:
    (strike,) = await strikes(sandbox, {"Speed IAS in knots": "", "Aircraft Airline Operator": "UNKNOWN"})
    assert (strike["speed_knots"], strike["operator"]) == (None, None)
    assert (strike["cost_total"], strike["damage"], strike["flight_date"]) == (0, "none", "1990-01-08")


@pytest.mark.requirement("R11.3")
async def test_a_file_with_too_many_bad_reports_is_a_validation_failure(sandbox: WasmtimeSandbox) -> None:
    outcome = await clean(sandbox, reports(), max_rejected_share=0.001)
    assert outcome.kind is OutcomeKind.INVALID
    assert outcome.reply is not None
    assert outcome.reply.errors is not None
    assert outcome.reply.errors[0]["code"] == "too_many_rejected"
    assert outcome.context_writes == ()


@pytest.mark.requirement("R5.1", "R5.3")
async def test_the_cleaning_is_logged_and_its_summary_left_for_later_steps(sandbox: WasmtimeSandbox) -> None:
    outcome = await clean(sandbox, reports())
    assert [line.level for line in outcome.logs] == ["info", "warn", "warn", "warn", "warn"]
    assert outcome.logs[0].fields is not None
    assert outcome.logs[0].fields["kept"] == 9_923
    assert outcome.context_writes == (("cleaning", output(outcome)["summary"]),)


@pytest.mark.requirement("R5.2")
async def test_the_share_that_is_too_much_can_come_from_a_variable(sandbox: WasmtimeSandbox) -> None:
    given = {"rows": [report(), {}]}
    strict = await run(sandbox, "clean-strikes", given)
    lenient = await run(sandbox, "clean-strikes", given, variables={"max_rejected_share": 0.5})
    assert (strict.kind, lenient.kind) == (OutcomeKind.INVALID, OutcomeKind.SUCCEEDED)


@pytest.mark.requirement("R2.4", "R11.1", "R11.2")
async def test_every_cleaned_strike_is_scored_and_nothing_else_in_it_changes(sandbox: WasmtimeSandbox) -> None:
    cleaned = output(await clean(sandbox, reports()))["rows"]
    scored = output(await score(sandbox, cleaned))
    added = {"severity", "severe", "region", "year", "decade", "month"}
    assert [{key: value for key, value in row.items() if key not in added} for row in scored["rows"]] == cleaned
    assert all(0 <= row["severity"] <= 100 and row["severe"] == (row["severity"] >= 60) for row in scored["rows"])
    assert scored["severe"] == [row for row in scored["rows"] if row["severe"]]
    assert scored["summary"] == {"strikes": 9_923, "severe": 300, "highest_severity": 95, "alert": True}
    assert sum(region["strikes"] for region in scored["by_region"]) == 9_923
    assert sum(region["cost_total"] for region in scored["by_region"]) == sum(row["cost_total"] for row in cleaned)


@pytest.mark.requirement("R12.1")
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"alert_above": 1}, ("alert",)),
        ({"alert_above": 2}, ("store",)),
        ({"alert_above": 2, "alert_above_share": 0.6}, ("alert",)),
        ({"alert_above": 2, "alert_above_share": 0.7}, ("store",)),
        ({"alert_above": 2, "normal_step": ""}, None),
    ],
)
async def test_the_number_or_the_share_of_severe_strikes_decides_how_the_job_goes_on(
    sandbox: WasmtimeSandbox, params: dict[str, Any], expected: tuple[str, ...] | None
) -> None:
    rows = await strikes(sandbox, {}, {DAMAGE: "Substantial"}, {DAMAGE: "Medium"})
    outcome = await run(sandbox, "score-strikes", {"rows": rows}, **(STEPS | params))
    assert output(outcome)["summary"]["severe"] == 2
    assert outcome.reply is not None
    assert outcome.reply.routing == expected


@pytest.mark.requirement("R2.2", "R2.4")
@pytest.mark.parametrize("text", ["Sân bay quốc tế Đà Nẵng", 'Cò trắng "🐦" \\ \n\t', "ﬁ\u2028\u0000"])
async def test_text_of_any_language_survives_both_modules(sandbox: WasmtimeSandbox, text: str) -> None:
    rows = await strikes(sandbox, {"Airport Name": f"x{text}x"})
    (scored,) = output(await score(sandbox, rows))["rows"]
    assert scored["airport"] == f"x{text}x"


@pytest.mark.requirement("R11.3")
@pytest.mark.parametrize("name", ["clean-strikes", "score-strikes"])
@pytest.mark.parametrize("given", [None, {}, {"rows": None}, {"rows": [1]}, {"rows": {"a": []}}])
async def test_input_of_another_shape_is_an_error_that_the_module_reports(
    sandbox: WasmtimeSandbox, name: str, given: Any
) -> None:
    outcome = await run(sandbox, name, given)
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.failure is not None
    assert outcome.failure.code == "bad_input"


async def test_rows_that_were_not_cleaned_or_were_scored_already_are_refused(sandbox: WasmtimeSandbox) -> None:
    scored = output(await score(sandbox, await strikes(sandbox, {})))["rows"]
    for rows, message in ((reports()[:1], "row 1 of input.rows is not a cleaned"), (scored, "was scored before")):
        outcome = await score(sandbox, rows)
        assert outcome.failure is not None
        assert message in outcome.failure.message


@pytest.mark.parametrize("name", ["clean-strikes", "score-strikes"])
def test_a_module_can_do_nothing_but_log_and_reach_the_context(sandbox: WasmtimeSandbox, name: str) -> None:
    facts = sandbox.inspect((MODULES / name / f"{name}.wasm").read_bytes())
    assert facts.kind == "reactor"
    assert facts.entries == ("run",)
    assert not facts.host_io_possible


@pytest.mark.requirement("R13.1")
def test_the_job_of_the_example_is_valid_and_its_module_routes_to_steps_it_has() -> None:
    checked = validate(json.loads((EXAMPLES / "wildlife-strikes" / "job.json").read_bytes()))
    assert checked.errors == ()
    assert checked.job is not None
    params = checked.job.step("score").config["params"]
    assert {params["alert_step"], params["normal_step"]} <= checked.job.order.keys()


def test_the_data_are_the_bytes_that_their_description_names() -> None:
    assert hashlib.sha256(CSV.read_bytes()).hexdigest() in CSV.with_name("README.md").read_text(encoding="utf-8")
