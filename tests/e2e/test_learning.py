"""`hengio module learn` against a real server, a real database and real files."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hengio import codec
from tests.support.tapes import asking
from tests.support.web import Seen, response, serving


async def hengio(*arguments: str | Path, cwd: Path) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hengio", *map(str, arguments)), stdout=asyncio.subprocess.PIPE, cwd=cwd
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told


async def answer(seen: Seen, writer: Any) -> None:
    if seen.target == "/old":
        writer.write(response(status="307 Temporary Redirect", location="/new"))
    else:
        writer.write(response(b"[]"))


def http(url: str, **fields: Any) -> tuple[str, str]:
    return "http_request", codec.encode({"url": url, **fields}).decode()


def db(query: str, connection: str = "shop") -> tuple[str, str]:
    return "db_query", codec.encode({"connection": connection, "query": query}).decode()


def prepare(folder: Path) -> list[str | Path]:
    """A database with a view and a trigger, two files, two fixtures; the options that name them."""
    (folder / "hengio-data" / "databases").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "hengio-data" / "databases" / "shop.db")) as shop, shop:
        shop.executescript(
            """CREATE TABLE goods (name TEXT); CREATE TABLE orders (name TEXT); CREATE TABLE trail (name TEXT);
            CREATE TABLE audited (name TEXT);
            CREATE TRIGGER trace AFTER INSERT ON audited BEGIN INSERT INTO trail VALUES (new.name); END"""
        )
    (folder / "files").mkdir()
    for name in ("12", "13"):
        (folder / "files" / name).write_text("[]")
        (folder / f"{name}.json").write_text(json.dumps({"n": int(name)}))
    return ["12.json", "13.json", "--connection", "shop=sqlite:///shop.db", "--files", "files"]


@pytest.mark.requirement("R4.7", "R4.8", "R5.6")
async def test_a_module_is_watched_and_the_smallest_set_of_permissions_proposed(tmp_path: Path) -> None:
    options = prepare(tmp_path)
    async with serving(answer) as web:
        guest = asking(
            ("get_context", "n"),
            ("file_read", "{reply}"),
            http(web.url("/items/1")),
            http(web.url("/items/2")),
            http(web.url("/orders"), method="POST", body="x"),
            http(web.url("/old"), method="POST", body="x"),
            db("SELECT name FROM goods"),
            db("INSERT INTO orders VALUES ('tea')"),
            ("file_write", "out/a.csv", "1"),
        )
        (tmp_path / "guest.wasm").write_bytes(guest)
        code, told = await hengio("module", "learn", "guest.wasm", *options, "--allow-private", "--json", cwd=tmp_path)
        learnt = json.loads(told)
        here = web.url("")
        assert [f"{one['permission']} {one['resource']}" for one in learnt["permissions"]] == [
            "database:read shop/main.goods",
            "database:write shop/main.orders",
            "file:read *",
            "file:write out/a.csv",
            f"http:read {here}/items/*",
            f"http:write {here}/new",
            f"http:write {here}/old",
            f"http:write {here}/orders",
        ]
        assert (code, learnt["holds"], learnt["missing"], learnt["refused"]) == (0, True, [], [])
        assert learnt["fixtures"]["12.json"] == {"outcome": "succeeded", "again": "succeeded"}
        uses = {one["grant"]["resource"]: one["uses"] for one in learnt["proposals"]}
        assert uses["*"] == {"12.json": 1, "13.json": 1}
        assert uses[f"{here}/items/*"] == {"12.json": 2, "13.json": 2}
        assert learnt["command"].startswith("hengio module permissions guest --set 'database:read shop/main.goods'")


async def test_what_a_statement_touches_without_naming_it_takes_the_whole_connection(tmp_path: Path) -> None:
    options = prepare(tmp_path)
    (tmp_path / "guest.wasm").write_bytes(asking(db("INSERT INTO audited VALUES ('tea')")))
    code, told = await hengio("module", "learn", "guest.wasm", *options, "--json", cwd=tmp_path)
    learnt = json.loads(told)
    assert (code, learnt["holds"]) == (0, True)
    assert learnt["permissions"] == [{"permission": "database:write", "resource": "shop"}]


@pytest.mark.requirement("R3.4")
async def test_learning_goes_no_further_than_it_is_told(tmp_path: Path) -> None:
    options = prepare(tmp_path)
    async with serving(answer) as web:
        guest = asking(http(web.url("/x")), http(f"http://localhost:{web.port}/y"), db("SELECT 1", "other"))
        (tmp_path / "guest.wasm").write_bytes(guest)
        code, told = await hengio("module", "learn", "guest.wasm", *options, cwd=tmp_path)
        assert web.seen == []
    shown = told.decode()
    assert code == 10
    assert shown.count("it leads to a private address") == 2
    assert "there is no connection of that name" in shown
    assert "hengio module permissions guest --clear" in shown


async def test_a_module_can_not_have_a_wildcard_proposed_by_asking_for_one(tmp_path: Path) -> None:
    options = prepare(tmp_path)
    async with serving(answer) as web:
        guest = asking(http(web.url("/**")), ("file_read", "**"), ("file_write", "a/*", "1"))
        (tmp_path / "guest.wasm").write_bytes(guest)
        code, told = await hengio("module", "learn", "guest.wasm", *options, "--allow-private", "--json", cwd=tmp_path)
        assert web.seen == []
    learnt = json.loads(told)
    assert (code, learnt["permissions"], len(learnt["refused"])) == (10, [], 3)


async def test_a_module_that_needs_nothing_is_told_so(tmp_path: Path) -> None:
    options = prepare(tmp_path)
    (tmp_path / "guest.wasm").write_bytes(asking(("get_context", "n")))
    code, told = await hengio("module", "learn", "guest.wasm", *options, cwd=tmp_path)
    assert code == 0
    assert "it needed no permission" in told.decode()
