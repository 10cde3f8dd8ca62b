"""Settings: what is not known is refused by name, what is secret is shown to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from hengio.errors import Refused
from hengio.settings import load


@pytest.mark.parametrize(
    ("text", "name"), [("[wroker]\nat_once = 3", "wroker"), ("[worker]\nat_onec = 3", "worker.at_onec")]
)
def test_a_name_that_is_not_known_is_refused(
    text: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hengio.toml"
    file.write_text(text)
    monkeypatch.setenv("HENGIO_CONFIG", str(file))
    with pytest.raises(Refused) as refused:
        load()
    assert [problem.path for problem in refused.value.problems] == [name]


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "hengio.toml"
    file.write_text('data_dir = "file"\n[server]\nhost = "file"\nport = 1\n')
    monkeypatch.setenv("HENGIO_CONFIG", str(file))
    monkeypatch.setenv("HENGIO_DATA_DIR", "environment")
    monkeypatch.setenv("HENGIO_SERVER__HOST", "environment")
    chosen = load(data_dir=Path("given"))
    assert (str(chosen.data_dir), chosen.server.host, chosen.server.port) == ("given", "environment", 1)


def test_passwords_are_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HENGIO_DATABASE_URL", "postgresql://hengio:hunter2@127.0.0.1/hengio")
    monkeypatch.setenv("HENGIO_CONNECTIONS", '{"warehouse": "postgresql://w:hunter2@127.0.0.1/w"}')
    monkeypatch.setenv("HENGIO_S3__SECRET_KEY", "hunter2")
    chosen = load()
    assert "hunter2" not in repr(chosen) + str(chosen) + chosen.model_dump_json()
    monkeypatch.setenv("HENGIO_WORKER__AT_ONCE", "hunter2")
    with pytest.raises(Refused) as refused:
        load()
    assert "hunter2" not in str(refused.value)
