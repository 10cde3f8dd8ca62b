"""Errors over HTTP: each has a status, and only what the caller can mend is told in words (RFC 9457)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hengio import codec, errors
from hengio.api import problems
from hengio.definition.inputs import InvalidInput
from hengio.errors import HengioError, Limited, Problem, Refused, Unavailable
from hengio.vault.keys import KeyMissing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
KINDS = [kind for kind in HengioError.__subclasses__() if kind.__module__ == "hengio.errors"]


def test_an_error_of_any_kind_has_the_status_that_the_reference_tells() -> None:
    [table] = re.findall(r"# Over HTTP.*?\n\|---\|---\|\n(.*?)\n(?:\n|$)", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    told = {code: int(status) for code, status in _pairs(table)}
    found = {kind.code: problems.STATUSES[kind] for kind in (*KINDS, errors.TooLarge, errors.Unsupported)}
    assert found == {code: status for code, status in told.items() if code in found}
    assert {kind.code for kind in KINDS} <= told.keys()


def _pairs(table: str) -> list[tuple[str, str]]:
    """Codes and statuses: a row is one of `code` … | 400, `more` 413 |."""
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    pairs = [(code, status[:3]) for codes, status in rows for code in re.findall(r"`(\w+)`", codes)]
    return pairs + [pair for _, status in rows for pair in re.findall(r"`(\w+)` (\d{3})", status)]


@pytest.mark.requirement("R12.5")
def test_what_the_caller_can_mend_is_told_in_full() -> None:
    error = InvalidInput(
        "the input has 1 problem", hint="see", problems=[Problem("$.input.a", "is required", "a text")]
    )
    answer = problems.of(error)
    assert (answer.status_code, answer.media_type) == (400, "application/problem+json")
    assert codec.decode(answer.body) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "code": "invalid_input",
        "detail": "the input has 1 problem",
        "hint": "see",
        "problems": [{"path": "$.input.a", "message": "is required", "hint": "a text"}],
    }


def test_what_is_ours_to_mend_is_told_by_its_code_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (Unavailable("the database at 10.0.0.7 is away"), KeyMissing("the key ab12 is not here")):
        told = codec.decode(problems.of(error).body)
        assert told == {"type": "about:blank", "title": "Service Unavailable", "status": 503, "code": error.code}
        assert error.message in capsys.readouterr().err
    told = codec.decode(problems.fault(ValueError("quotes a body")).body)
    assert (told["status"], told["code"]) == (500, "internal")
    assert "quotes a body" not in capsys.readouterr().err


def test_who_came_too_often_is_told_when_to_come_again() -> None:
    answer = problems.of(Limited("too often", retry_after_seconds=17))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "17")


def test_an_error_that_is_more_precise_has_the_status_of_its_kind() -> None:
    class Precise(Refused):
        code = "precise"

    assert problems.status_of(Precise("x")) == 400
    assert problems.status_of(HengioError("x")) == 500
