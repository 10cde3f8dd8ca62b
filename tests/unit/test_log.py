"""Logs go where standard error is now, and never stop the work."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from hengio import log


@pytest.mark.requirement("H9.1")
def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(level="info", style="json")
    log.get_logger("worker").info("something", execution_id="7", note="Hẹn giờ\nsecond line")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["area"], told["execution_id"], told["level"]) == ("something", "worker", "7", "info")
    assert told["note"] == "Hẹn giờ\nsecond line"


def test_less_than_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(level="warning", style="json")
    log.get_logger("worker").info("something")
    assert capsys.readouterr().err == ""


def test_a_standard_error_that_was_closed_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    gone.close()
    log.configure(level="info", style="json")
    monkeypatch.setattr("sys.stderr", gone)
    log.get_logger("worker").error("nobody hears this")


def test_an_error_is_logged_without_the_variables_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.reset_defaults()
    logger = log.get_logger("worker")
    password = "hunter2-" * 2
    try:
        raise ValueError(len(password))  # noqa: TRY301 - the error is the point
    except ValueError:
        logger.exception("broke")
    captured = capsys.readouterr()
    assert "ValueError: 16" in captured.err
    assert password not in captured.err + captured.out
