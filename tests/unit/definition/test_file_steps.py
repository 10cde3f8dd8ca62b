"""What is told of a file step before it ever runs."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition.validate import Report, validate

pytestmark = pytest.mark.requirement("H4.3", "R13.1")

TO = {"path": "b.csv", "format": "csv"}


def judged(**config: Any) -> Report:
    step = {"id": "f", "type": "file_processing", "config": {"path": "a.csv", "format": "csv", **config}}
    return validate({"name": "j", "steps": [step]})


@pytest.mark.parametrize(
    "config",
    [
        {"operation": "convert", "to": {"path": "{{execution_date}}.xlsx", "format": "xlsx", "columns": ["a"]}},
        {"operation": "convert", "to": "{{input.to}}", "format": {"type": "xlsx", "all": True}},
        {
            "operation": "read",
            "format": {"type": "csv", "decimal": ",", "thousands": ".", "dates": "dmy", "quote": "'"},
        },
        {"operation": "{{input.operation}}", "to": TO},
    ],
)
def test_a_good_file_step_is_valid(config: dict[str, Any]) -> None:
    assert judged(**config).errors == ()


@pytest.mark.parametrize(
    ("config", "path", "message"),
    [
        ({"operation": "convert"}, "", "converting needs `to`, the file to write"),
        ({"operation": "read", "to": TO}, ".to", "`to` is for converting"),
        ({"operation": "convert", "to": TO, "data_source": []}, ".data_source", "`data_source` is for writing"),
        ({"operation": "convert", "to": TO, "columns": ["a"]}, ".columns", "the columns of a conversion stand in `to`"),
        (
            {"operation": "convert", "to": TO, "format": {"type": "xlsx", "all": True}},
            ".format.all",
            "a CSV file has no sheets: convert one of them",
        ),
        (
            {"operation": "convert", "to": {**TO, "format": {"type": "csv", "delimiter": ""}}},
            ".to.format.delimiter",
            'must be one character, got ""',
        ),
        ({"operation": "convert", "to": {**TO, "formt": "csv"}}, ".to.formt", "unknown field `formt`"),
        (
            {"operation": "read", "format": {"type": "csv", "quote": "''"}},
            ".format.quote",
            "must be one character, got \"''\"",
        ),
        (
            {"operation": "read", "format": {"type": "xlsx", "decimal": ",", "thousands": ","}},
            ".format.thousands",
            "must be another sign than `decimal`",
        ),
        (
            {"operation": "read", "format": {"type": "csv", "dates": "ymd"}},
            ".format.dates",
            'expected one of `dmy`, `iso`, `mdy`, got "ymd"',
        ),
        (
            {"operation": "read", "format": {"type": "csv", "header_row": 0}},
            ".format.header_row",
            "must be at least 1, got 0",
        ),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_place(config: dict[str, Any], path: str, message: str) -> None:
    assert [(each.path, each.message) for each in judged(**config).errors] == [(f"$.steps[0].config{path}", message)]


@pytest.mark.parametrize("operation", [["read"], {"read": 1}, 5, None])
def test_an_operation_that_is_no_text_is_told_like_any_other(operation: object) -> None:
    assert [error.path for error in judged(operation=operation).errors] == ["$.steps[0].config.operation"]
