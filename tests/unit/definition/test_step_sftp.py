"""What an SFTP step says of itself is judged when the job is created (H3, H4.4)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition.validate import Report, validate

LOGIN = {"host": "files.example", "username": "me", "auth": {"type": "password", "password": "${PASSWORD}"}}
NAMED = {"operation": "download", "remote_path": "/out/a.csv", "connection": "bank"}
OWN = {"operation": "download", "remote_path": "/out/a.csv", "host_key": f"SHA256:{'A' * 43}", **LOGIN}


def judged(config: dict[str, Any]) -> Report:
    return validate({"name": "j", "steps": [{"id": "s", "type": "sftp", "config": config}]})


@pytest.mark.requirement("H4.4", "R13.1")
@pytest.mark.parametrize(
    "config",
    [
        NAMED,
        OWN,
        {**NAMED, "operation": "upload", "local_path": "made/a.csv"},
        {**NAMED, "options": {"wildcard_pattern": "*.csv", "recursive": True, "streaming": False}},
        {**OWN, "auth": {"type": "key", "private_key": "${KEY}", "passphrase": "${PASSPHRASE}"}},
    ],
)
def test_what_is_meant_is_accepted(config: dict[str, Any]) -> None:
    assert judged(config).errors == ()


@pytest.mark.requirement("H4.4", "H3.5")
@pytest.mark.parametrize(
    ("config", "place", "words"),
    [
        ({**NAMED, "host": "x"}, "$.steps[0].config.host", "exclude each other"),
        ({**NAMED, "auth": LOGIN["auth"]}, "$.steps[0].config.auth", "exclude each other"),
        ({**OWN, "username": None}, "$.steps[0].config", "`username` is missing"),
        ({**NAMED, "operation": "upload"}, "$.steps[0].config", "`local_path`"),
        ({**NAMED, "operation": "move"}, "$.steps[0].config.operation", "download"),
        ({**OWN, "host_key": "SHA256:abc"}, "$.steps[0].config.host_key", "43 letters"),
        ({**OWN, "host_key": "ssh-dss AAAA"}, "$.steps[0].config.host_key", "known kind"),
        ({**OWN, "port": 0}, "$.steps[0].config.port", "from 1 to 65535"),
        ({**OWN, "timeout_seconds": 0}, "$.steps[0].config.timeout_seconds", "greater than 0"),
        (
            {**NAMED, "options": {"wildcard_pattern": "a/*"}},
            "$.steps[0].config.options.wildcard_pattern",
            "without `/`",
        ),
        ({**NAMED, "options": {"recursiv": True}}, "$.steps[0].config.options.recursiv", "recursiv"),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_place(config: dict[str, Any], place: str, words: str) -> None:
    (problem,) = judged(config).errors
    assert (problem.path, words in problem.message) == (place, True), problem


@pytest.mark.requirement("H4.4")
def test_a_server_that_is_not_verified_is_a_warning() -> None:
    unknown = {name: value for name, value in OWN.items() if name != "host_key"}
    (missing,) = judged(unknown).warnings
    assert "the server is refused" in missing.message
    (open_,) = judged({**unknown, "options": {"verify_host_key": False}}).warnings
    assert "whoever answers" in open_.message
