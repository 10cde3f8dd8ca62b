"""The process that reads a workbook: started, listened to and ended (H4)."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from hengio import codec
from hengio.errors import Unavailable
from hengio.steps.tables.place import Malformed, Stop, malformed

Mode = Literal["whole", "streamed"]

UNPACKED_BYTES = 1 << 30
MOST_UNPACKED_BYTES = 16 << 30
MOST_RATIO = 100
ENTRIES = 10_000
STREAMED_BYTES = 32 << 20
MEMORY_BYTES = 256 << 20
_ROOT = Path(__file__).parents[3]
_PROGRAM = """
import sys
if sys.argv[1] not in sys.path:
    sys.path.insert(0, sys.argv[1])
from hengio.steps.tables.extract import main
main(*sys.argv[2:])
"""


class _Ended(Exception):
    """The process ended in the middle: its memory was not enough."""


def check(path: Path) -> Mode:
    """How to read the workbook: whole what is small, streamed what unpacks to more than 32 MiB.

    Refuses a file that is no ZIP, that has more than ten thousand parts, or that unpacks to more than a gibibyte of
    which so little is packed that it is a bomb rather than a table: less than a hundredth.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Malformed("not an XLSX workbook") from error
    size, packed = sum(part.file_size for part in parts), path.stat().st_size
    bomb = size > UNPACKED_BYTES and size > packed * MOST_RATIO
    if bomb or size > MOST_UNPACKED_BYTES or len(parts) > ENTRIES:
        raise Malformed(f"the workbook unpacks to {size >> 20} MiB in {len(parts)} parts: too much")
    return "whole" if size <= STREAMED_BYTES else "streamed"


def lines(path: Path, wanted: str | int | None, stop: Stop) -> Generator[dict[str, Any] | list[Any], None, None]:
    """What `extract` tells of the wanted sheets: for each `{"sheet": name}`, then `[number, cells]` for each row.

    A sheet that needs too much memory whole, though its file is small, is streamed. Raises `Malformed`.
    """
    mode, done, inside = check(path), 0, False
    while True:
        try:
            with _reading(path, wanted, stop, mode=mode, skip=done) as told:
                for line in told:
                    match line:
                        case {"done": _}:
                            done, inside = done + 1, False
                            continue
                        case {"sheet": _}:
                            inside = True
                    yield line
        except _Ended as error:
            stop.check()
            if mode == "streamed" or inside:
                raise Malformed("the workbook needs more memory than a file may") from error
            mode = "streamed"
        else:
            return


@contextmanager
def _reading(
    path: Path, wanted: str | int | None, stop: Stop, *, mode: Mode, skip: int
) -> Iterator[Iterator[dict[str, Any] | list[Any]]]:
    told = [str(path), codec.encode(wanted).decode(), str(MEMORY_BYTES), mode, str(skip)]
    command = [sys.executable, "-I", "-c", _PROGRAM, str(_ROOT), *told]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:  # noqa: S603 (no shell)
        assert program.stdout is not None
        stop.on_ask(program.kill)
        try:
            yield _told(program.stdout)
        finally:
            program.kill()


def _told(output: IO[bytes]) -> Iterator[dict[str, Any] | list[Any]]:
    for text in output:
        line = codec.decode(text)
        match line:
            case {"error": message}:
                raise malformed(
                    str(message), sheet=line.get("sheet", ""), row=line.get("row"), column=line.get("column")
                )
            case {"unavailable": reason}:
                raise Unavailable(f"the folder for temporary files cannot be used: {reason}")
            case {"end": True}:
                return
            case _:
                yield line
    raise _Ended
