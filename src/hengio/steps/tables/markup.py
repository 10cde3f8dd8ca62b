"""The XML in a workbook, read piece by piece. Names come without their prefix, as every program reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import IO
from xml.parsers import expat

_PIECE = 1 << 16
_WHITE = " \t\r\n"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


class Broken(ValueError):
    """XML that is none, or that declares a document type, which no workbook needs and entities can hide in."""


def pieces(source: IO[bytes], *, start: Start, end: End, text: Callable[[str], object]) -> Iterator[None]:
    """Calls back for what is in `source`; yields after each piece of it. Raises `Broken`."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = _PIECE
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        while piece := source.read(_PIECE):
            parser.Parse(piece, False)
            yield
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Broken("the XML is broken") from error
    yield


def local(name: str) -> str:
    """An element's name without its prefix: some programs write `x:row`."""
    return name.rpartition(":")[2] if ":" in name else name


def _refuse(*_: object) -> None:
    raise Broken("the XML declares a document type")


class Wording:
    """Gathers the text of a string, which may be in runs of several formats; how it is pronounced is left out."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._piece: list[str] = []
        self._open = self._exact = False
        self._spoken = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t" and not self._spoken:
            self._open, self._exact = True, attributes.get("xml:space") == "preserve"
            self._piece.clear()
        elif name == "rPh":
            self._spoken = True

    def text(self, text: str) -> None:
        if self._open:
            self._piece.append(text)

    def end(self, name: str) -> None:
        if name == "t" and self._open:
            whole = "".join(self._piece)
            self._parts.append(whole if self._exact else whole.strip(_WHITE))
            self._open = False
        elif name == "rPh":
            self._spoken = False

    def taken(self) -> str:
        """The text so far, which is then forgotten."""
        whole = unescaped("".join(self._parts))
        self._parts.clear()
        return whole


def unescaped(text: str) -> str:
    """A text with its `_xHHHH_` put back: characters that XML does not have (ECMA-376, 22.9.2.19)."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if 0xD800 <= code <= 0xDFFF else chr(code)  # half of a character is none


def strings(source: IO[bytes]) -> Iterator[str]:
    """The strings of a shared string table, in order."""
    wording, found = Wording(), list[str]()

    def start(name: str, attributes: dict[str, str]) -> None:
        wording.start(local(name), attributes)

    def end(name: str) -> None:
        name = local(name)
        wording.end(name)
        if name == "si":
            found.append(wording.taken())

    for _ in pieces(source, start=start, end=end, text=wording.text):
        yield from found
        found.clear()
