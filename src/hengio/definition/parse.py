"""From text to a job: JSON or YAML → a JSON value → a `Job` in canonical form (H3).

`read` is the edge where hostile text arrives: it is bounded in size and depth before anything looks at it. The other
spellings of a definition are brought to the canonical one between `read` and `parse`, by `spellings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from hengio import codec
from hengio.codec import Json
from hengio.definition import jsontext, shape, spellings, yamltext
from hengio.definition.findings import Findings
from hengio.definition.yamltext import MAX_DEPTH
from hengio.errors import Problem, Refused
from hengio.model.job import Job

MAX_BYTES = 1 << 20

Format = Literal["json", "yaml", "auto"]


class InvalidDefinition(Refused):
    """A job definition that cannot be accepted. `problems` tells everything that is wrong with it."""

    code = "invalid_definition"

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"the job definition has {count}", problems=problems)


def read(source: str | bytes, *, format: Format = "auto", most: int = MAX_BYTES) -> Json:  # noqa: A002 - the word on the command line
    """The JSON value of a text of at most `most` bytes (1 MiB), nested at most 64 deep, without duplicate keys.

    `auto` takes a text that begins with `{` or `[` for JSON. Raises `InvalidDefinition` with line and column.
    """
    text = _text(source, most)
    if format == "json" or (format == "auto" and text.lstrip()[:1] in {"{", "["}):
        return _json(text)
    try:
        return _encodable(yamltext.read(text))
    except yamltext.InvalidYaml as error:
        raise InvalidDefinition([Problem("$", error.message, error.hint)]) from error


def parse(document: Json) -> Job:
    """The job of a document in any spelling. Raises `InvalidDefinition` with every problem of its shape."""
    normal = spellings.normalised(document)
    findings = Findings(normal.problems, written=normal.origins.author)
    findings.errors_from(normal.untold(job_problems(normal.document)))
    if findings.errors:
        raise InvalidDefinition(findings.errors)
    return convert(normal.document)


def job_problems(document: Json) -> list[Problem]:
    """What is wrong with the shape of a canonical document, the steps' configurations aside."""
    if deep := too_deep(document):
        return [deep]
    return shape.problems(document, Job)


def convert(document: Json) -> Job:
    """The job of a canonical document without problems of shape."""
    try:
        return msgspec.convert(document, Job)
    except msgspec.ValidationError as error:
        raise InvalidDefinition([Problem("$", str(error))]) from error


def canonical(job: Job) -> bytes:
    """The job as compact JSON; defaults are left out and authors' objects keep their order."""
    return codec.encode(job)


def too_deep(document: Json) -> Problem | None:
    """The problem of a value nested more than 64 deep."""
    return Problem("$", f"nested more than {MAX_DEPTH} deep") if jsontext.is_deep(document) else None


def _text(source: str | bytes, most: int) -> str:
    try:
        data = source.encode() if isinstance(source, str) else source
        text = data.decode("utf-8-sig")
    except UnicodeError as error:
        raise InvalidDefinition([Problem("$", "not UTF-8", f"at byte {getattr(error, 'start', 0)}")]) from error
    if len(data) > most:
        raise InvalidDefinition([Problem("$", f"larger than {most} bytes")])
    return text


def _json(text: str) -> Json:
    try:
        return jsontext.read(text)
    except codec.InvalidJson as error:
        raise InvalidDefinition([Problem("$", error.message)]) from error


def _encodable(value: Json) -> Json:
    try:
        return jsontext.encodable(value)
    except codec.InvalidJson as error:
        raise InvalidDefinition([Problem("$", error.message)]) from error
