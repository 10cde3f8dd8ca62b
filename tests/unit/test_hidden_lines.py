"""The second wall around secrets: what an unforeseen error quotes is cut out of the line."""

from __future__ import annotations

import json

import pytest

from hengio import log

QUOTED = 'a"b\\c'


def break_with(message: str) -> None:
    raise ValueError(message)


@pytest.mark.requirement("H6.3")
def test_a_line_shows_no_secret_that_an_error_quotes(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(level="info", style="json")
    log.hide(1, ["hunter22", QUOTED, json.dumps(QUOTED)[1:-1], "abc"])
    log.hide(2, ["other-secret"])
    try:
        try:
            break_with(f"hunter22 and {QUOTED} and other-secret and abc")
        except ValueError:
            log.get_logger("test").exception("broke", given="hunter22")
        said = capfd.readouterr().err
        assert "hunter22" not in said and "other-secret" not in said and 'a\\"b' not in said
        assert "abc" in said, "what is too short stands everywhere"
        assert json.loads(said)["given"] == "********"
        log.hide(2, [])
        log.get_logger("test").info("other-secret")
        assert "other-secret" in capfd.readouterr().err
    finally:
        log.hide(1, [])
        log.hide(2, [])
