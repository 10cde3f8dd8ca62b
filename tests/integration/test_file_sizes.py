"""Files that are large: read and written in bounded memory, ended when the step is cancelled."""

from __future__ import annotations

import asyncio
import gc
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.definition.configs import FileConfig, Transformations
from hengio.errors import Refused
from hengio.steps.tables import child, source, spreadsheet
from hengio.steps.tables.place import Stop
from tests.support.steps import failure_of, output_of
from tests.support.tables import read, rows, run, sheet_of
from tests.support.waiting import eventually
from tests.support.workbooks import MAIN
from tests.support.workbooks import workbook as made

pytestmark = pytest.mark.requirement("H4.3")

BOUND = 150 << 20
NAMES = [f"c{place}" for place in range(10)]
FEW = {"filter": 'c0 == "y"'}


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary ones are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


async def put_csv(files: Blobs, lines: int) -> None:
    """`in/large`: a CSV of so many rows of a kilobyte."""

    async def giving() -> AsyncIterator[bytes]:
        yield ",".join(NAMES).encode() + b"\n"
        for _ in range(lines // 1_000):
            yield (b",".join(b"x" * 100 for _ in NAMES) + b"\n") * 1_000

    await files.put_stream("in/large", giving())


def large_workbook(path: Path, *, numbers: int) -> None:
    """70 MiB unpacked: every row ten texts of its own that are in the table of shared ones, and as many numbers."""
    parts = made(parts={"xl/worksheets/sheet1.xml": b"", "xl/sharedStrings.xml": b""})
    small = path.with_suffix(".small")
    small.write_bytes(parts)
    with zipfile.ZipFile(small) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for part in old.infolist():
            if part.file_size:
                new.writestr(part.filename, old.read(part))
        with new.open("xl/sharedStrings.xml", "w") as table:
            table.write(f'<sst xmlns="{MAIN}">'.encode())
            for name in NAMES:
                table.write(f"<si><t>{name}</t></si>".encode())
            for number in range(numbers * 10):
                table.write(f"<si><t>{number}{'x' * 120}</t></si>".encode())
            table.write(b"</sst>")
        with new.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            for number in range(numbers + 1):
                cells = "".join(f'<c t="s"><v>{number * 10 + place}</v></c>' for place in range(10))
                sheet.write(f'<row ht="12.8" customHeight="false">{cells}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")


def listed(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


async def grown(files: Blobs, config: dict[str, Any]) -> tuple[Any, int]:
    """A step's output, and by how many bytes this process grew while it ran, with the children it then got: servers of
    other tests may be there already."""
    me = psutil.Process()
    before, most, servers = me.memory_info().rss, 0, set(me.children())
    task = asyncio.create_task(run(files, config))
    while not task.done():
        held = me.memory_info().rss
        for one in set(me.children()) - servers:
            try:
                held += one.memory_info().rss
            except psutil.Error:
                continue
        most = max(most, held)
        await asyncio.sleep(0.02)
    return output_of(task.result()), most - before


async def test_a_csv_of_a_hundred_megabytes_is_read_in_bounded_memory(files: Blobs) -> None:
    await put_csv(files, 105_000)
    config = {"operation": "read", "path": "in/large", "format": "csv", "transformations": FEW}
    output, growth = await grown(files, config)
    assert output["row_count"] == 0
    assert growth < BOUND


async def test_a_workbook_with_many_texts_is_read_in_bounded_memory(files: Blobs, tmp_path: Path) -> None:
    large_workbook(tmp_path / "large.xlsx", numbers=35_000)
    assert child.check(tmp_path / "large.xlsx") == "streamed"
    await files.put("in/large", (tmp_path / "large.xlsx").read_bytes())
    target = {"path": "out", "format": "csv"}
    output, growth = await grown(files, {"operation": "convert", "path": "in/large", "format": "xlsx", "to": target})
    assert output["row_count"] == 35_000
    assert output["summary"]["c9"]["count"] == 35_000
    assert growth < BOUND


async def test_rows_that_just_fit_are_held_in_bounded_memory(files: Blobs) -> None:
    await put_csv(files, 30_000)
    output, growth = await grown(files, {"operation": "read", "path": "in/large", "format": "csv"})
    assert output["row_count"] == 30_000
    assert growth < BOUND


@pytest.mark.parametrize("mode", ["whole", "streamed"])
async def test_a_workbook_is_read_alike_whole_and_streamed(
    files: Blobs, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(child, "STREAMED_BYTES", {"whole": 1 << 30, "streamed": 0}[mode])
    data = sheet_of(["name", "n"], ["a", 1], [None, None], ["Phở", 2.5])
    assert await rows(files, data, "xlsx") == [{"name": "a", "n": 1}, {"name": "Phở", "n": 2.5}]
    words = failure_of(
        await run(files, {"operation": "read", "path": "in/file", "format": {"type": "xlsx", "sheet": 1}})
    )
    assert words == "file 'in/file': there is no sheet number 1: the sheets are 'Sheet1', counted from 0"


async def test_a_spot_that_one_reader_cannot_name_is_named_by_the_other(files: Blobs) -> None:
    data = made("<row r='1'><c r='A1' t='str'><v>a</v></c></row><row r='2'><c r='A2' t='n'><v>abc</v></c></row>")
    await files.put("in/file", data)
    words = failure_of(await run(files, {"operation": "read", "path": "in/file", "format": "xlsx"}))
    assert words == "file 'in/file': sheet 'S', row 2, column 'A': the cell does not hold what its type 'n' says"


async def test_an_error_that_newer_programs_know_does_not_hide_the_rest_of_a_sheet(files: Blobs) -> None:
    cells = "<c r='A2' t='e'><v>#SPILL!</v></c><c r='B2'><v>1</v></c>"
    head = "<c r='A1' t='str'><v>a</v></c><c r='B1' t='str'><v>b</v></c>"
    data = made(f"<row r='1'>{head}</row><row r='2'>{cells}</row>")
    assert await rows(files, data, "xlsx") == [{"a": None, "b": 1}]


async def test_cancelling_ends_the_process_that_streams_a_workbook(
    files: Blobs, tmp_path: Path, temporary: Path
) -> None:
    large_workbook(tmp_path / "large.xlsx", numbers=35_000)
    await files.put("in/large", (tmp_path / "large.xlsx").read_bytes())
    before = set(psutil.Process().children())
    task = asyncio.create_task(run(files, {"operation": "read", "path": "in/large", "format": "xlsx"}))

    async def readers() -> set[psutil.Process]:
        return set(psutil.Process().children()) - before

    started = await eventually(readers)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    _, alive = await asyncio.to_thread(psutil.wait_procs, started, 30)
    assert not alive
    assert await asyncio.to_thread(listed, temporary, "*") == []


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
async def test_cancelling_ends_a_file_that_is_being_written(files: Blobs, temporary: Path, format_: str) -> None:
    await put_csv(files, 60_000)
    target = {"path": "out", "format": format_}
    task = asyncio.create_task(run(files, {"operation": "convert", "path": "in/large", "format": "csv", "to": target}))

    async def writing() -> bool:
        return await asyncio.to_thread(listed, temporary, "*/out") != []

    async def gone() -> bool:
        return await asyncio.to_thread(listed, temporary, "*") == []

    await eventually(writing)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(gone)


def test_a_read_that_keeps_no_row_stops_at_the_next_one_too(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"a\n1\n")
    config = FileConfig(operation="read", path="x", format="csv", transformations=Transformations(filter='a == "2"'))
    stop = Stop()
    stop.ask()
    with pytest.raises(Refused, match="cancelled"):
        source.take(tmp_path / "in", config, stop)


def test_a_workbook_that_is_being_packed_stops_too(tmp_path: Path) -> None:
    stop = Stop()

    def only() -> Iterator[dict[str, Any]]:
        yield {"a": "x" * 1_000}
        stop.ask()

    with pytest.raises(Refused, match="cancelled"):
        spreadsheet.write(tmp_path / "out", [spreadsheet.Sheet("S", ["a"], only())], stop)
    gc.collect()  # what the library still does when it is thrown away is no error


async def test_a_workbook_that_unpacks_to_much_is_read_if_it_is_no_bomb(
    files: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "UNPACKED_BYTES", 100)
    data = sheet_of(["a"], [1])
    assert await rows(files, data, "xlsx") == [{"a": 1}]
    monkeypatch.setattr(child, "MOST_UNPACKED_BYTES", 100)
    assert "too much" in failure_of(await run(files, {"operation": "read", "path": "in/file", "format": "xlsx"}))


async def test_without_a_place_for_temporary_files_the_step_is_tried_again(
    files: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    result = await read(files, b"a\n1\n", "csv")
    assert failure_of(result) == "the folder for temporary files cannot be used: No such file or directory"
    assert result.retryable
