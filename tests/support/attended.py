"""Guests and SQL that a test finds at work: they go on until somebody ends them, or lets them go."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import xlsxwriter

from tests.support.guests import SPIN, entry, module, reactor, text

SPINNING = "the guest spins"
_ATTEMPT = int.from_bytes(b'attempt"', "little")
_HTTP = '(import "hengio_v1" "http_request" (func $http (param i32 i32) (result i64)))'
_LOG = '(import "hengio_v1" "log" (func $log (param i32 i32 i32)))'

SPINS_AT_FIRST = reactor(
    text(0, SPINNING)
    + text(64, '"turned"')
    + entry(f"""(local $at i32)
      (local.set $at (local.get $pointer))
      (loop $search
        (if (i64.ne (i64.load (local.get $at)) (i64.const {_ATTEMPT}))
          (then (local.set $at (i32.add (local.get $at) (i32.const 1))) (br $search))))
      (if (i32.eq (i32.load8_u offset=9 (local.get $at)) (i32.const {ord("1")}))
        (then (call $log (i32.const 1) (i32.const 0) (i32.const {len(SPINNING)})) {SPIN}))
      (call $pack (i32.const 64) (i32.const 8))"""),
    imports=_LOG,
)
"""A guest that loops for ever in the first attempt of its step, and returns in every other."""


def asking(*requests: str) -> bytes:
    """A guest that makes HTTP requests, in the words of the contract, and returns a number whatever is answered."""
    starts = range(0, 512 * len(requests), 512)
    calls = "".join(
        f"(drop (call $http (i32.const {start}) (i32.const {len(request)})))"
        for start, request in zip(starts, requests, strict=True)
    )
    said = "".join(text(start, request) for start, request in zip(starts, requests, strict=True))
    return module(f"""(module {_HTTP}
      (memory (export "memory") 1)
      (global $free (mut i32) (i32.const 4096))
      (func (export "hengio_alloc") (param $size i32) (result i32)
        (global.get $free)
        (global.set $free (i32.add (global.get $free) (local.get $size))))
      {said}{text(4000, "7")}
      (func (export "run") (param i32 i32) (result i64) {calls}
        (i64.or (i64.shl (i64.const 4000) (i64.const 32)) (i64.const 1))))""")


COUNTS = """
INSERT INTO marks (n)
WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < (SELECT most FROM gate))
SELECT max(n) FROM counted
"""
"""SQLite: one more mark, after counting as far as the gate says."""
NEVER, AT_ONCE = 10**15, 10


def gated_database(path: Path, *, most: int) -> None:
    """A SQLite file with marks and a gate; a gate that is there is set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=30)) as database:
        database.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS marks (n); CREATE TABLE IF NOT EXISTS gate (most);"
            f"DELETE FROM gate; INSERT INTO gate VALUES ({most})"
        )


def marks(path: Path) -> int:
    """How many there are."""
    with closing(sqlite3.connect(path, timeout=30)) as database:
        [(count,)] = database.execute("SELECT count(*) FROM marks").fetchall()
    return int(count)


def is_being_written(path: Path) -> bool:
    """Whether somebody is in the middle of a transaction that writes."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def many_rows(count: int) -> str:
    """A query of SQLite that yields so many rows."""
    return f"""
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {count})
    SELECT n, 'a text of some length ' || n AS one, 'and another text ' || n AS other FROM counted
    """


def long_csv(path: Path, rows: int) -> None:
    """A file of so many rows with the columns a and b."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a,b\n" + "1,some text\n" * rows)


def long_workbook(path: Path, rows: int) -> None:
    """A workbook of so many rows with the column a."""
    small = io.BytesIO()
    with xlsxwriter.Workbook(small) as book:
        book.add_worksheet("Sheet1").write_string(0, 0, "a")
    cells = "".join(f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>' for row in range(2, rows + 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(small) as given, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name in given.namelist():
            data = given.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = data.replace(b"</sheetData>", cells.encode() + b"</sheetData>").replace(
                    b'<dimension ref="A1"/>', f'<dimension ref="A1:A{rows + 1}"/>'.encode()
                )
            made.writestr(name, data)
