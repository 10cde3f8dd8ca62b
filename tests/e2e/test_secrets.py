"""Secrets are planted in an installation, and jobs do their best to leak them: nothing of them comes out anywhere."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import wasmtime

from hengio import codec
from hengio.sandbox.tapes import file as tapes

TOKEN = "t0k3n/of+ev€ry job=%"
OWN = '0wn secret "of" one job'
DEEP = "d33p-inside-an-object"
NUMBER = 918273645546372
PASSWORD = "p4ssw0rd of:the@connection"
REFERENCE = "r3ference-by-the-settings"
KEY = bytes(range(7, 39))
LOGIN = "l0gin-of-a-user"
PLANTED = [TOKEN, OWN, DEEP, str(NUMBER), PASSWORD, REFERENCE, LOGIN, KEY.hex(), base64.b64encode(KEY).decode()]

SAYS = """
(module
  (import "hengio_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 4)
  (data (i32.const 16) "HEAD")
  (data (i32.const 64) "TAIL")
  (func (export "hengio_alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "run") (param $at i32) (param $size i32) (result i64)
    (local $end i32)
    (call $log (i32.const 1) (local.get $at) (local.get $size))
    (memory.copy (i32.const 65536) (i32.const 16) (i32.const HEAD_SIZE))
    (memory.copy (i32.const BODY) (local.get $at) (local.get $size))
    (local.set $end (i32.add (i32.const BODY) (local.get $size)))
    (memory.copy (local.get $end) (i32.const 64) (i32.const TAIL_SIZE))
    (i64.or (i64.shl (i64.const 65536) (i64.const 32))
            (i64.extend_i32_u (i32.sub (i32.add (local.get $end) (i32.const TAIL_SIZE)) (i32.const 65536))))))
"""
TRAPS = """
(module
  (import "hengio_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 4)
  (func (export "hengio_alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "run") (param $at i32) (param $size i32) (result i64)
    (call $log (i32.const 3) (local.get $at) (local.get $size)) unreachable))
"""


def says(head: str, tail: str) -> str:
    """A guest that logs its input and returns it between these texts."""
    text = SAYS.replace("HEAD_SIZE", str(len(head))).replace("TAIL_SIZE", str(len(tail)))
    text = text.replace("BODY", str(65536 + len(head)))
    return text.replace("HEAD", head.replace('"', '\\"')).replace("TAIL", tail)


def step(id_: str, type_: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": id_, "type": type_, "config": config, "on_failure": "continue", "retry": {"max_retries": 0}, **more}


ALL = ["TOKEN", "OWN", "DEEP", "NUMBER"]
PARAMS = {"a": "x{{variables.TOKEN}}", "b": "{{variables.DEEP.a[0]}}"}
ROWS = [{"x": "${TOKEN}"}]
LEAKS = [
    step("returns", "wasm", {"module_id": "returns", "secrets": ALL}),
    step("writes", "wasm", {"module_id": "writes", "secrets": ALL}),
    step("refuses", "wasm", {"module_id": "refuses", "secrets": ALL}),
    step("traps", "wasm", {"module_id": "traps", "secrets": ALL}),
    step("given", "wasm", {"module_id": "returns", "params": PARAMS, "secrets": ALL[::2]}),
    step("withheld", "wasm", {"module_id": "returns", "params": PARAMS}),
    step("later", "wasm", {"module_id": "returns"}),
    step("selects", "database", {"connection": "db", "query": "SELECT ${TOKEN} AS a, hex(${OWN}), ${NUMBER}"}),
    step("errs", "database", {"connection": "db", "query": "SELECT json_extract('{}', ${TOKEN})"}),
    step("names", "database", {"connection": "db", "query": "SELECT * FROM {{variables.TOKEN}}"}),
    step("reaches", "database", {"connection": "stored", "query": "SELECT 1"}),
    step("reaches_too", "database", {"connection": "given", "query": "SELECT 1"}),
    step("misses", "database", {"connection": "${TOKEN}", "query": "SELECT 1"}),
    step("file", "file_processing", {"operation": "write", "path": "a.csv", "format": "csv", "data_source": ROWS}),
    step("no_file", "file_processing", {"operation": "read", "path": "${TOKEN}/${OWN}", "format": "csv"}),
    step("asks", "wasm", {"module_id": "returns"}, condition="variables.DEEP.a > 1 or variables.TOKEN == 7"),
]


@dataclass
class Installation:
    """A data folder, and everything that commands on it said."""

    folder: Path
    said: dict[str, bytes] = field(default_factory=dict)

    def hengio(self, *arguments: str | Path, given: str = "", code: int | None = 0) -> bytes:
        command = [sys.executable, "-m", "hengio", *map(str, arguments)]
        if arguments[0] != "--help":
            command += ["--data-dir", str(self.folder / "data")]
        environment = {
            **os.environ,
            "HENGIO_SECRET_KEY": base64.b64encode(KEY).decode(),
            "HENGIO_SECRETS": json.dumps({"api": {"value": REFERENCE, "hosts": ["localhost"]}}),
            "HENGIO_CONNECTIONS": json.dumps(
                {"db": "sqlite:///a.db", "given": f"postgresql://u:{quote(PASSWORD, safe='')}@127.0.0.1:1/x"}
            ),
            "HENGIO_SANDBOX__TAPE": "always",
            "PLANTED": OWN,
        }
        done = subprocess.run(
            command, input=given.encode(), capture_output=True, timeout=120, check=False, env=environment
        )
        self.said[f"{len(self.said)}: {' '.join(command[3:])}"] = done.stdout + done.stderr
        assert code is None or done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation in which everything was done that could leak."""
    here = Installation(tmp_path_factory.mktemp("leaks"))
    modules = {
        "returns": says('{"output":', "}"),
        "writes": says('{"context":{"stolen":', "}}"),
        "refuses": says('{"valid":false,"errors":[', "]}"),
        "traps": TRAPS,
    }
    wasm = []
    for name, text in modules.items():
        (here.folder / f"{name}.wasm").write_bytes(wasmtime.wat2wasm(text))
        wasm += ["--module", f"{name}={here.folder / name}.wasm"]
    job = here.folder / "job.json"
    job.write_text(json.dumps({"name": "leaky", "steps": LEAKS}), encoding="utf-8")
    here.hengio("variable", "set", "TOKEN", "-", "--sensitive", given=TOKEN)
    here.hengio("variable", "set", "NUMBER", str(NUMBER), "--json-value", "--sensitive", "--json")
    (here.folder / "deep.json").write_text(json.dumps({"a": [DEEP], "b": True}), encoding="utf-8")
    here.hengio("variable", "set", "DEEP", "--value-file", here.folder / "deep.json", "--json-value", "--sensitive")
    (here.folder / "c.json").write_text(
        json.dumps({"type": "database", "url": f"postgresql://u:{quote(PASSWORD, safe='')}@127.0.0.1:1/x"}), "utf-8"
    )
    here.hengio("connection", "set", "stored", "--file", here.folder / "c.json", "--json")
    here.hengio("job", "run", job, *wasm, code=None)  # the job exists now, and may have a variable of its own
    here.hengio("variable", "set", "OWN", "--from-env", "PLANTED", "--job", "leaky", "--sensitive", "--json")
    here.hengio("job", "run", job, "--full", code=None)
    told = json.loads(here.hengio("job", "run", job, "--json", "--full", code=None))
    (here.folder / "told.json").write_text(json.dumps(told), encoding="utf-8")
    for call in json.loads(here.hengio("module", "logs", "--json", "--full", "--limit", "7")):
        where = here.folder / "tapes" / f"{call['execution_id']}-{call['step_id']}"
        where.parent.mkdir(exist_ok=True)
        here.hengio("module", "tape", call["execution_id"], call["step_id"], "-o", where, code=None)
    here.hengio("user", "create", "lan", "--password-file", "-", given=LOGIN)
    here.hengio("user", "create", LOGIN[:5], "--password-file", "-", "--role", "none", given=LOGIN, code=2)
    for arguments in (
        ("user", "list", "--json"),
        ("user", "roles", "lan", "--role", "Admin"),
        ("audit", "verify", "--json"),
        ("variable", "list", "--json"),
        ("variable", "list", "--job", "leaky"),
        ("variable", "show", "TOKEN"),
        ("variable", "show", "OWN", "--job", "leaky", "--json"),
        ("connection", "list", "--json"),
        ("connection", "show", "stored"),
        ("connection", "show", "given", "--json"),
        ("connection", "test", "stored"),
        ("module", "logs", "--full"),
        ("audit", "list", "--json", "--limit", "1000"),
        ("secrets", "status"),
        ("secrets", "rotate", "--json"),
        ("secrets", "status", "--json"),
        ("variable", "delete", "TOKEN"),
        ("variable", "set", "SHORT", "abc", "--sensitive"),
        ("connection", "set", "bad", f"postgresql://u:{PASSWORD}@{PASSWORD}@h/x"),
    ):
        here.hengio(*arguments, code=None)
    return here


def spellings(secret: str) -> Iterator[bytes]:
    """The secret as it is, and in the encodings that it could be smuggled out in."""
    data = secret.encode()
    yield data
    yield json.dumps(secret)[1:-1].encode()
    yield codec.encode(secret)[1:-1]
    yield quote(secret, safe="").encode()
    yield quote(secret).encode()
    yield data.hex().encode()
    yield data.hex().upper().encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data)
        yield whole[4 if before else 0 : len(whole) // 4 * 4 - 4]


def leaks(where: dict[str, bytes]) -> list[tuple[str, str]]:
    """What is found of the secrets, and where."""
    return [
        (name, secret)
        for name, data in where.items()
        for secret in PLANTED
        for spelled in {*spellings(secret)}
        if spelled in data
    ]


def stored(here: Installation, *, but: tuple[str, ...]) -> dict[str, bytes]:
    files = [path for path in (here.folder / "data").rglob("*") if path.is_file()]
    inside = {str(path.relative_to(here.folder / "data")): path.read_bytes() for path in files}
    return {name: data for name, data in inside.items() if not name.startswith(but)}


def test_every_leak_was_tried(leaked: Installation) -> None:
    told = json.loads((leaked.folder / "told.json").read_text(encoding="utf-8"))
    steps = {one["id"]: one for one in told["steps"]}
    assert set(steps) == {one["id"] for one in LEAKS}
    said = {name: one["status"] for name, one in steps.items()}
    failing = {"refuses", "traps", "withheld", "errs", "names", "reaches", "reaches_too", "misses", "no_file", "asks"}
    assert {name for name, status in said.items() if status == "failed"} == failing, steps
    shown = json.dumps(steps["returns"]["output"])
    assert '"variables"' in shown and '"TOKEN": "*' in shown and '"OWN": "*' in shown
    assert json.dumps(steps["selects"]["output"]["rows"][0]["a"]).strip('"*') == ""
    assert "*" in json.dumps(steps["traps"]["logs"])


@pytest.mark.requirement("H6.2", "H6.3")
def test_nothing_secret_is_in_any_file_that_an_installation_keeps(leaked: Installation) -> None:
    """But in the file that a job wrote a secret to, as it was told."""
    kept = stored(leaked, but=("objects/files/",))
    assert {"hengio.db"} <= set(kept) and any(name.startswith("objects/tapes/") for name in kept)
    assert leaks(kept) == []
    wrote = stored(leaked, but=("hengio.db", "objects/tapes", "objects/outputs", "artefacts"))
    assert any(secret == TOKEN for _, secret in leaks(wrote)), "the search finds what is there"


@pytest.mark.requirement("H6.3")
def test_nothing_secret_is_in_anything_that_a_command_says(leaked: Installation) -> None:
    assert leaks(leaked.said) == []


@pytest.mark.requirement("H6.3")
def test_nothing_secret_is_on_a_tape(leaked: Installation) -> None:
    unpacked = {
        path.name: codec.encode(tapes.unpack(path.read_bytes()))
        + b"".join(
            part
            for tape in [tapes.unpack(path.read_bytes())]
            for part in (tape.input, tape.end.output or b"", *(getattr(event, "reply", b"") for event in tape.events))
        )
        for path in (leaked.folder / "tapes").iterdir()
    }
    assert len(unpacked) > 4
    assert leaks(unpacked) == []
