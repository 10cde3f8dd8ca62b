"""A dry run reads, changes nothing outside, and lists what it would have changed."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from hengio import codec
from hengio.settings import NetworkSettings, Settings
from hengio.wiring.rehearsing import rehearsing
from tests.support.web import Web, always, response, serving


@contextmanager
def web_server() -> Iterator[Web]:
    """A server in a thread of its own that answers everything."""
    started, ended = threading.Event(), threading.Event()
    found: list[Web] = []

    async def serve() -> None:
        async with serving(always(response(b'{"id": 7}', content_type="application/json"))) as web:
            found.append(web)
            started.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait()
    try:
        yield found[0]
    finally:
        ended.set()
        thread.join()


def definition(web: Web) -> dict[str, Any]:
    return {
        "name": "shop",
        "steps": [
            {"id": "look", "type": "http", "config": {"url": web.url("/order")}},
            {
                "id": "tell",
                "type": "http",
                "config": {"method": "POST", "url": web.url("/told"), "body": {"id": "{{steps.look.output.body.id}}"}},
            },
            {
                "id": "read",
                "type": "database",
                "config": {"connection": "db", "query": "SELECT n FROM t", "read_only": True},
            },
            {
                "id": "keep",
                "type": "database",
                "config": {"connection": "db", "query": "INSERT INTO t (n) VALUES (:n)", "parameters": {"n": 2}},
            },
            {
                "id": "write",
                "type": "file_processing",
                "config": {
                    "operation": "write",
                    "path": "t.csv",
                    "format": "csv",
                    "data_source": "{{steps.read.output.rows}}",
                },
            },
            {
                "id": "again",
                "type": "file_processing",
                "config": {"operation": "read", "path": "{{steps.write.output.path}}", "format": "csv"},
            },
        ],
    }


def hengio(folder: Path, *words: str, code: int = 0) -> Any:
    command = [sys.executable, "-m", "hengio", *words, "--data-dir", str(folder), "--json"]
    env = {**os.environ, "HENGIO_CONNECTIONS__DB": "sqlite:///shop.db", "HENGIO_NETWORK__ALLOW": '["127.0.0.1"]'}
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    assert done.returncode == code, (done.stdout.decode(), done.stderr.decode())
    return json.loads(done.stdout)


def test_reads_happen_and_changes_are_listed_instead_of_made(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "databases").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "databases" / "shop.db")) as database:
        database.executescript("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1);")
    file = tmp_path / "job.json"
    with web_server() as web:
        file.write_text(json.dumps(definition(web)))
        told = hengio(folder, "job", "dry-run", str(file), "--full")
        assert [seen.method for seen in web.seen] == ["GET"]
        assert told["status"] == "success"
        assert [(change["kind"], change["step"]) for change in told["changes"]] == [
            ("http", "tell"),
            ("database", "keep"),
            ("file", "write"),
        ]
        assert told["changes"][0]["body"] == '{"id":7}'
        outputs = {step["id"]: step["output"] for step in told["steps"]}
        assert outputs["again"]["row_count"] == 1
    with closing(sqlite3.connect(folder / "databases" / "shop.db")) as database:
        assert database.execute("SELECT count(*) FROM t").fetchone() == (1,)
    assert hengio(folder, "execution", "list") == []
    assert hengio(folder, "job", "list") == []
    assert not [path for path in (folder / "objects").rglob("*") if path.is_file()]


ASKING = """
(module
  (import "hengio_v1" "http_request" (func $http (param i32 i32) (result i64)))
  (import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))
  (memory (export "memory") 2) (global $next (mut i32) (i32.const 8192))
  (data (i32.const 16) "%s")
  (func (export "hengio_alloc") (param $n i32) (result i32) (local $p i32)
    (local.set $p (global.get $next)) (global.set $next (i32.add (global.get $next) (local.get $n))) (local.get $p))
  (func (export "run") (param i32 i32) (result i64)
    (drop (call $http (i32.const 16) (i32.const %d)))
    (i64.or (i64.shl (i64.const 4096) (i64.const 32))
            (i64.extend_i32_u (call $take (i32.const 4096) (i32.const 4096))))))
"""


async def test_a_module_is_answered_as_if_and_only_what_it_was_granted(tmp_path: Path) -> None:
    async with serving(always(response())) as web:
        request = codec.encode({"method": "POST", "url": web.url("/told"), "body": "hello"}).decode()
        binary = bytes(wasmtime.wat2wasm(ASKING % (request.replace('"', '\\"'), len(request))))
        job = {"name": "job", "steps": [{"id": "ask", "type": "wasm", "config": {"module_id": "asking"}}]}
        async with rehearsing(Settings(data_dir=tmp_path / "data", network=NetworkSettings())) as stage:
            module = await stage.parts.modules.register("asking", "1.0.0", binary)
            report = await stage.jobs.check(job)
            assert report.job is not None
            stored = await stage.jobs.storage.jobs.put(report.job, at=0)
            denied = await stage.rehearser.run(stored)
            output = await stage.jobs.output(denied.runs[0])
            assert (output["code"], denied.changes) == ("permission_denied", ())
            from hengio.grants.check import read

            grant = read(f"http:write {web.url('/told')}")
            await stage.parts.modules.grant(module.id, (grant,), actor="me")
            done = await stage.rehearser.run(stored)
            assert [(one.kind, one.what["method"], one.what["body"]) for one in done.changes] == [
                ("http", "POST", "hello")
            ]
            assert (await stage.jobs.output(done.runs[0]))["status"] == 200
        assert web.seen == []


async def test_a_failure_that_would_be_retried_is_told_and_not_waited_for(tmp_path: Path) -> None:
    config = {"url": "http://127.0.0.1:1/"}
    job = {"name": "job", "steps": [{"id": "get", "type": "http", "config": config}]}
    settings = Settings(data_dir=tmp_path / "data", network=NetworkSettings(allow=["127.0.0.1"]))
    async with rehearsing(settings) as stage:
        report = await stage.jobs.check(job)
        assert report.job is not None
        stored = await stage.jobs.storage.jobs.put(report.job, at=0)
        async with asyncio.timeout(10):
            done = await stage.rehearser.run(stored)
        assert done.ended.state.value == "dead_letter"


@pytest.mark.parametrize("code", [2])
def test_a_definition_that_is_not_valid_is_told_so(tmp_path: Path, code: int) -> None:
    (tmp_path / "bad.json").write_text('{"name": "x", "steps": []}')
    told = hengio(tmp_path / "data", "job", "dry-run", str(tmp_path / "bad.json"), code=code)
    assert told["error"]["problems"]
