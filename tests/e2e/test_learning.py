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
from tests.support.guests import WASI, entry, reactor, text
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
    assert shown.count("it leads to a private address (--allow-private lets it)") == 2
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


OPENING = f"""
(import "{WASI}" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
(import "{WASI}" "fd_readdir" (func $list (param i32 i32 i32 i64 i32) (result i32)))"""


def opened(folder: int, path: int, length: int, *, create: bool = False) -> str:
    """Code that opens a path below descriptor `folder`, and traps where it can not."""
    how = "(i32.const 1) (i64.const 66)" if create else "(i32.const 0) (i64.const 2)"
    path_ = f"(i32.const {path}) (i32.const {length})"
    return f"""(if (call $open (i32.const {folder}) (i32.const 0) {path_} {how} (i64.const 0) (i32.const 0)
      (i32.const 32)) (then unreachable))"""


def through_folders(*, listed: bool = False) -> bytes:
    """A guest that opens `/in/inbox/a.json` and makes `/out/made/b.txt`, and before that can list `/in/inbox`."""
    size = "(i32.load (i32.const 96))"
    listing = f"""{opened(3, 128, 5)} (drop (call $list (i32.const 5) (i32.const 512) (i32.const 512)
      (i64.const 0) (i32.const 96))) (if (i32.lt_u {size} (i32.const 60)) (then unreachable))"""
    code = f"""{listing if listed else ""} {opened(3, 128, 12)} {opened(4, 160, 10, create=True)}
      (call $pack (local.get $pointer) (local.get $length))"""
    return reactor(text(128, "inbox/a.json") + text(160, "made/b.txt") + entry(code), imports=OPENING)


@pytest.mark.requirement("R4.5", "R4.6")
@pytest.mark.parametrize(
    ("listed", "read"),
    [(False, ["inbox/a.json"]), (True, ["inbox/a.json", "inbox/b.json"])],
    ids=["a file", "a folder and a file"],
)
async def test_files_that_are_opened_through_folders_are_learnt_too(
    tmp_path: Path, listed: bool, read: list[str]
) -> None:
    options = prepare(tmp_path)
    (tmp_path / "files" / "inbox" / "deeper").mkdir(parents=True)
    for name in ("a.json", "b.json", "deeper/c.json"):
        (tmp_path / "files" / "inbox" / name).write_text("[]")
    (tmp_path / "guest.wasm").write_bytes(through_folders(listed=listed))
    code, told = await hengio("module", "learn", "guest.wasm", *options, "--json", cwd=tmp_path)
    learnt = json.loads(told)
    assert (code, learnt["holds"], learnt["refused"]) == (0, True, []), learnt
    given = [(one["permission"], one["resource"]) for one in learnt["permissions"]]
    assert given == [*(("file:read", one) for one in read), ("file:write", "made/b.txt")]
    assert (tmp_path / "files" / "made" / "b.txt").exists()


async def test_a_fixture_that_fails_proves_nothing(tmp_path: Path) -> None:
    options = prepare(tmp_path)
    (tmp_path / "guest.wasm").write_bytes(asking(then="unreachable"))
    code, told = await hengio("module", "learn", "guest.wasm", *options, cwd=tmp_path)
    shown = told.decode()
    assert (code, "it does not hold" in shown, "--clear" in shown) == (10, True, False)
    assert "12.json did not succeed" in shown
    code, told = await hengio("module", "learn", "guest.wasm", *options, "--json", cwd=tmp_path)
    learnt = json.loads(told)
    assert (code, learnt["holds"], learnt["command"], sorted(learnt["failures"])) == (
        *(10, False, None),
        ["12.json", "13.json"],
    )


async def test_without_a_folder_of_files_it_is_said_what_a_module_may_have_missed(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "guest.wasm").write_bytes(through_folders())
    code, told = await hengio("module", "learn", "guest.wasm", "12.json", cwd=tmp_path)
    assert code == 10
    assert "without --files there are no folders /in and /out" in told.decode()


async def test_the_proposed_command_names_the_module_as_it_is_registered(tmp_path: Path) -> None:
    options = prepare(tmp_path)
    (tmp_path / "guest.wasm").write_bytes(asking(("file_read", "12")))
    learnt = await hengio("module", "learn", "guest.wasm", *options, "--name", "reader@2.0.0", cwd=tmp_path)
    assert "hengio module permissions reader@2.0.0 --set 'file:read 12'" in learnt[1].decode()
