"""`hengio schedule preview`, as people and programs call it (H1.7)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

JOB: dict[str, Any] = {
    "name": "report",
    "schedule": {
        "type": "cron",
        "expression": "0 30 8 5 * ?",
        "calendar": {"skip_holidays": "VN", "shift": "next_business_day"},
    },
    "steps": [{"id": "a", "type": "database", "config": {"connection": "shop", "query": "SELECT 1"}}],
}


def previewed(*words: str, given: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "hengio", "schedule", "preview", *words],
        input=given, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.requirement("H1.7")
def test_programs_get_a_list_of_fires() -> None:
    words = ("--cron", "0 30 1 * * ?", "--timezone", "America/New_York", "--from", "2026-11-01", "-n", "2", "--json")
    assert json.loads(previewed(*words).stdout) == [
        {"local": "2026-11-01T01:30:00-04:00", "utc": "2026-11-01T05:30:00Z", "note": "first of two 01:30"},
        {"local": "2026-11-02T01:30:00-05:00", "utc": "2026-11-02T06:30:00Z", "note": ""},
    ]


@pytest.mark.requirement("H1.7")
def test_the_schedule_of_a_definition_is_shown_with_what_it_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(JOB), encoding="utf-8")
    words = ("--file", str(file), "--from", "2027-02-01", "-n", "2")
    assert [each["local"] for each in json.loads(previewed(*words, "--json").stdout)] == [
        "2027-02-11T08:30:00+07:00", "2027-03-05T08:30:00+07:00"
    ]  # fmt: skip
    every = json.loads(previewed("--file", "-", *words[2:], "--all", "--json", given=json.dumps(JOB)).stdout)
    assert [(each["local"], each["skip"]) for each in every] == [
        ("2027-02-05T08:30:00+07:00", "holiday"),
        ("2027-02-11T08:30:00+07:00", None),
    ]


@pytest.mark.requirement("H1.1", "H1.7")
def test_people_get_a_table() -> None:
    told = previewed("--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--from", "2027-03-28", "-n", "2").stdout
    assert [" ".join(line.split()) for line in told.splitlines()] == [
        "read as five-field Unix cron: `30 2 * * *`",
        "in Europe/Berlin UTC note",
        "Sun 2027-03-28 03:30:00+02:00 2027-03-28T01:30:00Z 02:30 does not exist that day, moved to 03:30",
        "Mon 2027-03-29 02:30:00+02:00 2027-03-29T00:30:00Z",
    ]
    past = previewed("--cron", "0 0 2 * * ? 2020", "--from", "2026-01-01").stdout
    assert past == "it does not fire any more\n"


@pytest.mark.requirement("H1.1", "H1.7")
@pytest.mark.parametrize(
    ("words", "message", "problem"),
    [
        (["--cron", "0 61 2 * * ?"], "the schedule is not valid",
         {"path": "$.schedule.expression", "message": "`61` in the minute field (column 3) is not from 0 to 59",
          "hint": "it takes 0 to 59"}),
        (["--cron", "0 0 2 * * ?", "--timezone", "Asia/Saigonn"], "the schedule is not valid",
         {"path": "$.schedule.timezone", "message": 'there is no time zone "Asia/Saigonn"',
          "hint": "did you mean `Asia/Saigon`?"}),
        (["--cron", "0 0 2 * * ?", "--from", "soon"], '--from "soon" is no date and time', None),
        ([], "give either --cron or --file", None),
    ],
)  # fmt: skip
def test_what_is_not_valid_is_told_by_its_place(words: list[str], message: str, problem: dict[str, str] | None) -> None:
    error = json.loads(previewed(*words, "--json", code=2).stdout)["error"]
    assert (error["message"], error["problems"]) == (message, [problem] if problem else [])


def test_a_definition_without_a_schedule_has_no_fires() -> None:
    job = {key: value for key, value in JOB.items() if key != "schedule"}
    assert "has no schedule" in previewed("--file", "-", given=json.dumps(job), code=2).stderr
    broken = {**JOB, "schedule": {"type": "cron", "expression": "0 0 2 30 2 ?"}}
    assert "it never fires" in previewed("--file", "-", given=json.dumps(broken), code=2).stderr
