"""The published JSON Schema says of the canonical form what `validate` says, as far as a schema can (H3)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from hengio.cli.examples import examples_folder
from hengio.definition.configs import CONFIGS, WasmConfig
from hengio.definition.schema import published
from hengio.definition.validate import validate
from hengio.model.job import Job, RateLimit, Triggers, Webhook
from hengio.model.policy import FanOut, Retry
from hengio.model.schedule import Calendar, Misfire, Schedule
from hengio.model.step import Step
from tests.support.criteria import ROOT
from tests.support.definitions import EVERY_CONFIG

SCHEMA = published()
CHECK = Draft202012Validator(SCHEMA)
STEP = {"id": "a", "type": "database", "config": {"connection": "shop", "query": "SELECT 1"}}


def job(step: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"name": "j", "steps": [{**STEP, **(step or {})}], **fields}


@pytest.mark.requirement("H3.1")
@pytest.mark.parametrize("configs", [CONFIGS, EVERY_CONFIG])
def test_the_schema_is_one_of_its_draft_and_says_what_it_describes(configs: Any) -> None:
    schema = published(configs)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"].startswith("urn:")
    assert "canonical" in schema["title"]
    assert "flat spelling" in schema["description"]
    assert json.loads(json.dumps(schema)) == schema


def test_every_reference_leads_to_a_definition_and_none_outside() -> None:
    found = set(_references(published(EVERY_CONFIG)))
    assert found == {f"#/$defs/{name}" for name in published(EVERY_CONFIG)["$defs"]}


def test_what_an_author_may_write_is_described_for_editors() -> None:
    own = (Step, Retry, FanOut, Triggers, Webhook, RateLimit, Calendar, Misfire, WasmConfig, *get_args(Schedule))
    described = {Job.__name__: SCHEMA, **SCHEMA["$defs"]}
    for struct in (Job, *own):
        properties = described[struct.__name__]["properties"]
        assert [name for name in struct.__struct_fields__ if not properties[name].get("description")] == []
    text = json.dumps(SCHEMA)
    assert "(H" not in text
    assert "(R1" not in text


@pytest.mark.parametrize("path", sorted(examples_folder().glob("*/job.json")), ids=lambda path: path.parent.name)
def test_every_example_fits_the_schema(path: Path) -> None:
    CHECK.validate(json.loads(path.read_text(encoding="utf-8")))


def test_the_job_in_the_readme_fits_the_schema() -> None:
    blocks = (ROOT / "README.md").read_text(encoding="utf-8").split("```json\n")[1:]
    assert blocks
    for block in blocks:
        CHECK.validate(json.loads(block.split("```")[0]))


@pytest.mark.requirement("H3.5")
@pytest.mark.parametrize(
    "document",
    [
        [],
        job(colour="red"),
        job({"nxet": "end"}),
        job({"config": {}, "type": "wasm"}),
        job({"config": {"connection": "shop", "query": "SELECT 1", "max_row": 5}}),
        job({"config": {"connection": "shop", "query": "SELECT 1", "max_rows": 0}}),
        job({"config": {"connection": "shop", "query": "SELECT 1", "max_rows": "many"}}),
        job({"id": "1a"}),
        job({"id": "end"}),
        job({"type": "sql"}),
        job({"retry": {"max_retries": 11}}),
        job({"retry": {"delays_seconds": []}}),
        job({"retry": {"on": ["succeeded"]}}),
        job({"timeout_seconds": 0}),
        job(name=" "),
        job(steps=[]),
        job(steps=[STEP] * 501),
        job(schedule={"type": "cron"}),
        job(schedule={"type": "cron", "expression": "0 0 2 ? * MON", "interval_seconds": 5}),
        job(schedule={"type": "fixed_rate", "interval_seconds": 0}),
        {"name": "j", "steps": [{"id": "a", "type": "wasm"}]},
    ],
)
def test_what_the_schema_refuses_validate_refuses_too(document: Any) -> None:
    assert not CHECK.is_valid(document)
    assert not validate(document).valid


def test_a_template_may_stand_for_anything_in_a_configuration_and_nowhere_else() -> None:
    CHECK.validate(job({"config": {"connection": "c", "query": "q", "max_rows": "{{input.n}}", "read_only": "${RO}"}}))
    for document in (job({"timeout_seconds": "{{input.n}}"}), job({"config": "{{input.config}}"})):
        assert not CHECK.is_valid(document)
        assert not validate(document).valid


def _references(value: Any) -> Iterator[str]:
    match value:
        case dict():
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for each in value.values():
                yield from _references(each)
        case list():
            for each in value:
                yield from _references(each)
