"""What `job run` tells people while it works."""

from __future__ import annotations

import pytest

from hengio.cli.follow import Follower
from hengio.cli.present import terminal
from tests.support.builders import a_job


def test_a_warning_is_one_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    text = "$.steps[0].config.secrets: " + "variable " * 20
    with Follower(a_job("a"), console=terminal()) as follower:
        follower.warn(text)
    assert f"warning {text}" in capsys.readouterr().out
