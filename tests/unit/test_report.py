"""What a command tells of many things that it does one after another."""

from __future__ import annotations

import json

import pytest

from hengio.cli.deadletters import Discarded, _discarded
from hengio.cli.report import EACH, Report


def test_people_hear_of_each_at_once_and_of_the_progress_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    with Report(_discarded, as_json=False, counted=True) as report:
        for number in range(EACH):
            report.tell(Discarded(f"{number}"), "discarded", None)
        report.tell(Discarded("bad"), "discarded", "\x1b[2Jit is gone")
    told = capsys.readouterr()
    assert told.out.startswith("0 discarded\n1 discarded\n")
    assert told.out.endswith("bad \\x1b[2Jit is gone\n")
    assert told.err == "500 done so far\n500 done, 1 could not be\n"
    assert report.failed == 1


def test_ctrl_c_says_how_many_were_done_and_programs_get_their_list(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        with Report(_discarded, as_json=True, counted=True) as report:
            report.tell(Discarded("a"), "discarded", None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    told = capsys.readouterr()
    assert json.loads(told.out) == [{"execution_id": "a", "discarded": True, "problem": None}]
    assert told.err == "ended early: 1 done\n"
