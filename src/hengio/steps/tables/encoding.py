"""Text encodings of CSV files: marks at the beginning, Vietnamese in windows-1258, bytes that are no text (H4)."""

from __future__ import annotations

import codecs
import io
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from hengio.errors import Refused

_PIECE = 1 << 16
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_MARK = "\ufeff"
_ERRORS = "hengio-tones-apart"


def check(encoding: str) -> None:
    """Refuse what is no encoding of text."""
    try:
        "a".encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise Refused(f"format.encoding {encoding!r} is not a text encoding") from error


def reading(path: Path, encoding: str) -> IO[str]:
    """The file as text, past the byte order mark that it may have, line ends as they are."""
    file = path.open(encoding=encoding, newline="")
    try:
        if file.read(1) != _MARK:
            file.seek(0)
    except UnicodeError:
        file.seek(0)  # told where the lines are read
    except BaseException:
        file.close()
        raise
    return file


def lines(file: IO[str], encoding: str) -> Iterator[str]:
    """The lines, letters and their tones composed (NFC) where the encoding keeps them apart."""
    return (unicodedata.normalize("NFC", line) for line in file) if _is_1258(encoding) else iter(file)


def writing(path: Path, encoding: str) -> IO[str]:
    """The file to write text to; in windows-1258 letters it does not have are written as letter and tone."""
    return path.open("w", encoding=encoding, newline="", errors=_ERRORS if _is_1258(encoding) else "strict")


def bad_line(path: Path, encoding: str) -> int:
    """The number of the first line, from 1, with bytes that are no text in `encoding`."""
    decoder = codecs.getincrementaldecoder(encoding)()
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    number = 1
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            state = decoder.getstate()
            try:
                number += newlines.decode(decoder.decode(piece)).count("\n")
            except UnicodeError:
                decoder.setstate(state)
                return number + _newlines_before(decoder, newlines, piece)
    return number


def _newlines_before(decoder: codecs.IncrementalDecoder, newlines: io.IncrementalNewlineDecoder, piece: bytes) -> int:
    count = 0
    for place in range(len(piece)):
        try:
            count += newlines.decode(decoder.decode(piece[place : place + 1])).count("\n")
        except UnicodeError:
            break
    return count


def _is_1258(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "cp1258"


def _tones_apart(error: UnicodeError) -> tuple[str, int]:
    """What stands for a letter that windows-1258 has only as a letter and a tone. Raises for any other."""
    wanted = cast(UnicodeEncodeError, error)
    text = ""
    for letter in wanted.object[wanted.start : wanted.end]:
        marks = unicodedata.normalize("NFD", letter)
        tones = "".join(mark for mark in marks if mark in _TONES)
        if not tones:
            raise error
        text += unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in _TONES)) + tones
    return text, wanted.end


codecs.register_error(_ERRORS, _tones_apart)
