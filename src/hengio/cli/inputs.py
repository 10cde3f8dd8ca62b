"""What the command line is given: files, standard input, `NAME=FILE` pairs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hengio import codec
from hengio.codec import Json
from hengio.definition import inputs
from hengio.errors import NotFound, Refused
from hengio.model.job import Job

STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class GivenInput:
    """What an execution is given on the command line: the JSON of a file, and single inputs as texts."""

    document: Json
    texts: dict[str, str]

    def of(self, job: Job) -> Json:
        """The input for this job, whose declarations say what the texts mean; they win over the file."""
        declared = job.inputs or {}
        if not self.texts:
            return self.document
        return {
            **(self.document or {}),
            **{name: inputs.read(text, declared.get(name)) for name, text in self.texts.items()},
        }


def given_input(file: Path | None, assignments: list[str]) -> GivenInput:
    """Read `--input FILE` and every `--set NAME=VALUE`. `Refused` for a value without a name, a name given twice, and a
    file that holds no object where single inputs are given beside it."""
    document = None if file is None else read_json(file, what="input")
    texts: dict[str, str] = {}
    for one in assignments:
        name, found, text = one.partition("=")
        if not found or not name:
            raise Refused(f"--set {one!r} is not of the form NAME=VALUE")
        if name in texts:
            raise Refused(f"--set gives '{name}' twice")
        texts[name] = text
    if texts and document is not None and not isinstance(document, dict):
        raise Refused("--set adds to an object, and --input holds none")
    return GivenInput(document, texts)


def read_bytes(file: Path, *, what: str, most: int | None = None) -> bytes:
    """The file's bytes, or standard input for `-`. `NotFound` and `Refused` name the file; one of more than `most`
    bytes is refused before it is read to its end."""
    if file == STDIN:
        return _bounded(sys.stdin.buffer, most, what)
    try:
        with file.open("rb") as opened:
            return _bounded(opened, most, what)
    except FileNotFoundError as error:
        raise NotFound(f"there is no {what} {file}") from error
    except OSError as error:
        raise Refused(f"{what} {file} cannot be read: {error.strerror}") from error


def _bounded(source: BinaryIO, most: int | None, what: str) -> bytes:
    if most is None:
        return source.read()
    data = source.read(most + 1)
    if len(data) > most:
        raise Refused(f"a {what} has at most {most} bytes")
    return data


def read_json(file: Path, *, what: str) -> Json:
    """The JSON in the file. `Refused` names the file and the byte at which it is broken."""
    data = read_bytes(file, what=what)
    try:
        return codec.decode(data)
    except codec.InvalidJson as error:
        line = data[: error.offset].count(b"\n") + 1 if error.offset is not None else None
        where = f" at line {line}" if line else ""
        raise Refused(f"{what} {file} is not JSON{where}: {error.message}") from error


def pair(text: str, *, option: str, form: str) -> tuple[str, Path]:
    """A name and a file with = between, taken apart. `Refused` shows the form."""
    name, found, file = text.partition("=")
    if not found or not name or not file:
        raise Refused(f"{option} {text!r} is not of the form {form}")
    return name, Path(file)
