"""The file step on a CSV and a workbook of 100 MB each: time, rows a second, memory of the process and its children.

The CSV has ten columns and some 830,000 rows of 120 bytes. The workbook has one sheet of a million rows and twelve
columns: numbers, dates, booleans, formulas with their values, and three texts, one of which is different in every row;
it unpacks to 640 MB. Each measurement is a process of its own. Beside it, on the same file, is what one would write by
hand: `csv.DictReader` to a list of rows, and openpyxl, which has a whole workbook in memory.
"""

from __future__ import annotations

import asyncio
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from benchmarks.rows import Row, at_most
from benchmarks.spreadsheets import make_csv, make_workbook

MEGABYTES = 100
SHEET_ROWS = 1_000_000
PEER_ROWS = 250_000  # openpyxl would take 5 GB and four minutes for all
GOAL_MB = 150

_KINDS = {"quantity": "integer", "price": "number", "day": "date"}
_FEW = "quantity > 498 and price > 900"


def run() -> list[Row]:
    """Make the files, and measure each way through them."""
    with tempfile.TemporaryDirectory() as folder:
        area = Path(folder) / "files"
        area.mkdir()
        lines = make_csv(area / "large.csv", megabytes=MEGABYTES)
        make_workbook(area / "large.xlsx", rows=SHEET_ROWS)
        make_workbook(area / "part.xlsx", rows=PEER_ROWS)
        return [
            *_step("CSV: three conversions and a filter", _read("large.csv", _KINDS), folder, lines),
            *_peer("… csv.DictReader to a list of rows", "csv", area / "large.csv", lines),
            *_step("XLSX: a filter", _read("large.xlsx", {}), folder, SHEET_ROWS),
            *_peer(f"… openpyxl, of {PEER_ROWS:,} rows", "workbook", area / "part.xlsx", PEER_ROWS),
            *_step("CSV to XLSX, three conversions", _convert("large.csv", "xlsx", _KINDS), folder, lines),
            *_step("XLSX to CSV", _convert("large.xlsx", "csv", {}), folder, SHEET_ROWS),
        ]


def _read(path: str, kinds: dict[str, str]) -> dict[str, Any]:
    transformations = {"type_conversion": kinds, "filter": _FEW}
    return {"operation": "read", "path": path, "format": path.rpartition(".")[2], "transformations": transformations}


def _convert(path: str, kind: str, kinds: dict[str, str]) -> dict[str, Any]:
    target = {"path": f"out.{kind}", "format": kind}
    return {**_read(path, kinds), "operation": "convert", "to": target, "transformations": {"type_conversion": kinds}}


def _step(name: str, config: dict[str, Any], folder: str, rows: int) -> Iterator[Row]:
    seconds, worked, megabytes = _measured("step", folder, json.dumps(config))
    yield Row(name, seconds, "s")
    yield Row("… rows", rows / seconds, "rows/s")
    yield Row("… processor time", worked, "s")
    yield at_most("… memory of the process and its children", megabytes, "MB", goal=GOAL_MB)


def _peer(name: str, work: str, path: Path, rows: int) -> Iterator[Row]:
    seconds, worked, megabytes = _measured(work, str(path))
    yield Row(name, seconds, "s")
    yield Row("… rows", rows / seconds, "rows/s")
    yield Row("… processor time", worked, "s")
    yield Row("… its memory", megabytes, "MB")


def _measured(work: str, *arguments: str) -> tuple[float, float, float]:
    """Seconds, seconds of processors, and the most memory, of a process of its own with its children."""
    before = _worked()
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.files", work, *arguments], stdout=subprocess.PIPE, text=True
    ) as program:
        most = 0
        while program.poll() is None:
            most = max(most, _resident(program.pid))
            time.sleep(0.02)
        assert program.stdout is not None
        assert program.returncode == 0
        return float(program.stdout.read()), _worked() - before, most / 1e6


def _worked() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _resident(pid: int) -> int:
    held = 0
    try:
        for one in (process := psutil.Process(pid), *process.children(recursive=True)):
            held += one.memory_info().rss
    except psutil.Error:
        pass  # one of them has just ended
    return held


def step(folder: str, config: str) -> None:
    """One run of a file step on the files area in `folder`."""
    from tests.support.steps import step_request

    from hengio.blobs.store import open_blobs
    from hengio.steps.files import FileStep

    files = open_blobs(Path(folder).as_uri(), area="files")
    began = time.perf_counter()
    result = asyncio.run(FileStep(files).run(step_request("file_processing", json.loads(config))))
    assert result.failure is None, result.failure
    print(time.perf_counter() - began)


def rows_of_csv(path: str) -> None:
    """What one would write without thinking of memory."""
    began = time.perf_counter()
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        row["quantity"], row["price"] = int(row["quantity"]), float(row["price"])
        row["day"] = date.fromisoformat(row["day"])
    kept = [row for row in rows if row["quantity"] > 498 and row["price"] > 900]
    assert kept
    print(time.perf_counter() - began)


def rows_of_workbook(path: str) -> None:
    """The same for a workbook."""
    import openpyxl

    began = time.perf_counter()
    sheet = openpyxl.load_workbook(path, data_only=True).worksheets[0]
    names, *lines = sheet.iter_rows(values_only=True)
    rows: list[dict[Any, Any]] = [dict(zip(names, line, strict=True)) for line in lines]
    kept = [row for row in rows if row["quantity"] > 498 and row["price"] > 900]
    assert kept
    print(time.perf_counter() - began)


if __name__ == "__main__":
    works: dict[str, Callable[..., None]] = {"step": step, "csv": rows_of_csv, "workbook": rows_of_workbook}
    works[sys.argv[1]](*sys.argv[2:])
