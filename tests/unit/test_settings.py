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


def problems_of(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    """What is said of the settings that these variables make; nothing of a value `hunter2` may be in it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Refused) as refused:
        load()
    assert "hunter2" not in str(refused.value) + refused.value.hint
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("HENGIO_NOPE", ""),
        ("HENGIO_DATADIR", "HENGIO_DATA_DIR"),
        ("HENGIO_WORKER_AT_ONCE", "HENGIO_WORKER__AT_ONCE"),
        ("HENGIO_WORKER__AT_ONEC", "HENGIO_WORKER__AT_ONCE"),
        ("HENGIO_CONIFG", "HENGIO_CONFIG"),
    ],
)
def test_a_variable_that_names_no_setting_is_refused_with_the_nearest(
    name: str, near: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (problem,) = problems_of(monkeypatch, **{name: "hunter2"})
    assert problem.startswith(f"{name}: is the name of no setting (did you mean {near}")


def test_variables_of_tests_of_kubernetes_and_entries_of_tables_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_ANYTHING", "SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT", "PORT_8180_TCP_ADDR"):
        monkeypatch.setenv(f"HENGIO_{name}", "tcp://10.0.0.1:8180")
    monkeypatch.setenv("HENGIO_VARIABLES__REGION", "south")
    monkeypatch.setenv("HENGIO_WORKER", '{"at_once": 3}')
    chosen = load()
    assert (chosen.worker.at_once, chosen.variables) == (3, {"region": "south"})


@pytest.mark.parametrize("value", ["{bad hunter2", "hunter2", '["hunter2"]', "1", ""])
@pytest.mark.parametrize("name", ["connections", "variables", "worker"])
def test_a_variable_of_a_whole_table_must_be_json(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"HENGIO_{name.upper()}"
    assert problems_of(monkeypatch, **{variable: value}) == [
        f"{name}: cannot be read ({variable} must be a JSON object)"
    ]


def test_a_setting_that_cannot_be_read_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems_of(monkeypatch, HENGIO_WORKER__AT_ONCE="hunter2")
    assert problem.startswith("worker.at_once: ")
    assert problem.endswith("(set by HENGIO_WORKER__AT_ONCE)")


def test_a_file_that_is_not_toml_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hengio.toml"
    file.write_text("[worker\n")
    monkeypatch.setenv("HENGIO_CONFIG", str(file))
    with pytest.raises(Refused, match=r"hengio\.toml is not TOML: .*line 1"):
        load()
