"""`hengio schedule simulate`, as people and programs call it, on a data folder (H1.5, H1.7)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STEPS = [{"id": "a", "type": "database", "config": {"connection": "shop", "query": "SELECT 1"}}]
REPORT = {
    "name": "report",
    "schedule": {"type": "cron", "expression": "0 0 8 * * ?", "calendar": {"skip_holidays": "VN"}},
    "steps": STEPS,
}
POLL = {"name": "poll", "schedule": {"type": "fixed_rate", "interval_seconds": 60}, "steps": STEPS}
FEBRUARY = ("--from", "2027-02-01", "--days", "28")


def hengio(folder: Path, *words: str, code: int = 0, columns: int = 120) -> str:
    command = [sys.executable, "-m", "hengio", *words, "--data-dir", str(folder)]
    environment = {**os.environ, "COLUMNS": f"{columns}", "HENGIO_CONNECTIONS__SHOP": "sqlite:///shop.db"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout or done.stderr


def simulated(folder: Path, *words: str, code: int = 0) -> Any:
    return json.loads(hengio(folder, "schedule", "simulate", *words, "--json", code=code))


def a_file(path: Path, job: dict[str, Any]) -> str:
    path.write_text(json.dumps(job), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One installation for all tests: nothing is written to it."""
    home = tmp_path_factory.mktemp("home")
    files = (a_file(home / "report.json", REPORT), a_file(home / "poll.json", POLL))
    hengio(home / "data", "job", "apply", *files)
    return home / "data"


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "hengio.db").read_bytes()).hexdigest()


@pytest.mark.requirement("H1.4", "H1.5", "H1.7")
def test_programs_get_one_document_and_nothing_is_written(folder: Path) -> None:
    before = digest(folder)
    found = simulated(folder, *FEBRUARY, "--duration", "poll=70", "--fires", "3")
    assert digest(folder) == before
    assert found["from"] == {"local": "2027-02-01T00:00:00+07:00", "utc": "2027-01-31T17:00:00Z"}
    poll, report = found["jobs"]
    minutes = 28 * 24 * 60
    assert (poll["job"], poll["fires"], poll["skipped"]["overlap"]) == ("poll", minutes // 2, minutes // 2)
    assert poll["duration"]["source"] == "given"
    assert "of 40,320 fires are skipped as overlap" in poll["remarks"][0]["text"]
    left = sum(report["dates_left_out"].values())
    assert (report["fires"], report["skipped"]["holiday"], report["dates_with_fires"]) == (28 - left, left, 28 - left)
    assert report["duration"] == {
        "source": "assumed",
        "count": 0,
        "mean_seconds": 1.0,
        "median_seconds": 1.0,
        "p95_seconds": 1.0,
    }
    assert found["fires"] == poll["fires"] + report["fires"]
    rows = found["heat"]["rows"]
    assert (found["heat"]["by"], len(rows), rows[0]["date"]) == ("date", 28, "2027-02-01")
    assert sum(sum(row["begun"]) for row in rows) == found["fires"]
    assert [one["state"] for one in found["nominal_times"]] == ["fired", "skipped", "fired"]
    assert len(found["busiest_minutes"]) == 10


@pytest.mark.requirement("H1.7")
@pytest.mark.parametrize("columns", [120, 60])
def test_people_get_a_table_a_map_and_what_to_do(folder: Path, columns: int) -> None:
    text = hengio(folder, "schedule", "simulate", *FEBRUARY, "--duration", "poll=70", columns=columns)
    assert "Asia/Ho_Chi_Minh 2027-02-01 00:00:00+07:00 to 2027-03-01 00:00:00+07:00" in text
    assert "Mon 02-01 " in text
    assert "█" in text
    assert "warning poll: it runs 70 s on average every 60 s: 20,160 of 40,320 fires are skipped as overlap" in text
    assert "note report: it fires on" in text
    assert "--duration JOB=SECONDS" in text
    long = hengio(folder, "schedule", "simulate", "--from", "2027-02-01", "--days", "60", "--job", "report")
    assert "Wednesday " in long
    assert "poll" not in long


@pytest.mark.requirement("H1.7")
def test_definitions_are_simulated_before_they_are_saved(tmp_path: Path, folder: Path) -> None:
    nightly = {**REPORT, "name": "nightly", "schedule": {"type": "cron", "expression": "0 0 2 * * ?"}}
    faster = {**POLL, "schedule": {"type": "fixed_rate", "interval_seconds": 30}}
    files = (a_file(tmp_path / "nightly.json", nightly), a_file(tmp_path / "faster.json", faster))
    alone = simulated(folder, *files, *FEBRUARY)
    assert [(job["job"], job["fires"]) for job in alone["jobs"]] == [("nightly", 28), ("poll", 28 * 2_880 - 1)]
    beside = simulated(folder, *files, "--with-stored", *FEBRUARY)
    assert [job["job"] for job in beside["jobs"]] == ["nightly", "poll", "report"]
    nowhere = tmp_path / "nowhere"
    assert simulated(nowhere, files[0], *FEBRUARY)["fires"] == 28
    assert not nowhere.exists()
    assert [job["job"] for job in simulated(folder)["jobs"]] == ["poll", "report"]


def test_an_installation_without_schedules_says_so(tmp_path: Path) -> None:
    folder, by_hand = tmp_path / "data", {"name": "by-hand", "steps": STEPS}
    file = a_file(tmp_path / "job.json", by_hand)
    hengio(folder, "job", "apply", file)
    assert "no job follows a schedule" in hengio(folder, "schedule", "simulate")
    assert simulated(folder)["jobs"] == []
    assert "by-hand follows no schedule: left out" in hengio(folder, "schedule", "simulate", file)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--days", "0"), 2, "--days"),
        (("--days", "3661"), 2, "--days"),
        (("--timezone", "Mars/Olympus"), 2, "there is no time zone"),
        (("--from", "tomorrow"), 2, "--from"),
        (("--duration", "poll"), 2, "JOB=SECONDS"),
        (("--duration", "poll=long"), 2, "JOB=SECONDS"),
        (("--duration", "poll=-1"), 2, "cannot take -1 s"),
        (("--duration", "nobody=1"), 2, "no job 'nobody'"),
        (("--job", "pol"), 3, "did you mean 'poll'?"),
        (("missing.json",), 3, "there is no definition missing.json"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_told(
    folder: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    assert message in hengio(folder, "schedule", "simulate", *words, code=code)


def test_a_definition_that_is_not_valid_is_told_with_its_places(tmp_path: Path, folder: Path) -> None:
    bad = a_file(tmp_path / "bad.json", {**REPORT, "schedule": {"type": "cron", "expression": "0 0 8 * *"}, "steps": 7})
    assert "$.steps" in hengio(folder, "schedule", "simulate", bad, code=2)


def test_what_would_take_too_long_is_refused(tmp_path: Path) -> None:
    every = {**POLL, "schedule": {"type": "cron", "expression": "* * * * * ?"}}
    told = hengio(
        tmp_path / "none", "schedule", "simulate", a_file(tmp_path / "a.json", every), "--days", "400", code=2
    )
    assert "at most 30,000,000 are followed" in told
    assert "take fewer --days" in told
