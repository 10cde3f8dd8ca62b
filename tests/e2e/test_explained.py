"""What the explanations print is what the program prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hengio.cli.main import app
from tests.support.criteria import ROOT

PAGE = ROOT / "docs" / "explanation" / "clocks-and-holidays.md"
EXAMPLE = re.compile(r"```sh\nhengio (schedule preview [^\n]+)\n```\n\n```text\n(.*?)```", re.DOTALL)
SCHEDULE = re.compile(r"```yaml\n(schedule:.*?)```", re.DOTALL)
STEPS = 'name: bank-days\nsteps:\n  - {id: a, type: http, config: {url: "https://example.com"}}\n'


def examples() -> list[tuple[str, str]]:
    return EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.requirement("H1.2", "H1.4", "H1.7")
@pytest.mark.parametrize(("command", "printed"), examples())
def test_a_preview_in_an_explanation_is_what_the_program_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, printed: str
) -> None:
    (schedule,) = SCHEDULE.findall(PAGE.read_text(encoding="utf-8"))
    (tmp_path / "bank-days.yaml").write_text(STEPS + schedule, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, shlex.split(command), env={"COLUMNS": "160"})
    assert done.exit_code == 0
    assert lines(done.output) == lines(printed)


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def test_the_page_has_examples() -> None:
    assert len(examples()) == 4
