"""Jobs as files: exported without their secrets, imported with a report on each (H7)."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import Struct

from hengio import codec
from hengio.clock import to_iso
from hengio.codec import Json
from hengio.definition import confidential, words
from hengio.definition.parse import MAX_BYTES, InvalidDefinition, canonical, read
from hengio.errors import HengioError, Problem, Refused
from hengio.service.jobs import JobService
from hengio.storage.protocol import StoredJob

FORMAT = 1
MOST_FILES = 10_000
MOST_BYTES = 256 << 20
MOST_MEMBER_BYTES = 4 * MAX_BYTES
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, NotImplementedError),
    *(RuntimeError, ValueError, IndexError, OverflowError, MemoryError),
)
"""What `zipfile` and the decompressors behind it raise for bytes that somebody altered or encrypted."""
Clash = Literal["copy", "replace", "refuse"]


class Item(Struct, frozen=True, kw_only=True):
    """What became of one imported definition: `imported`, `copied` under another name, `replaced`, or `refused`."""

    source: str
    name: str
    outcome: Literal["imported", "copied", "replaced", "refused"]
    imported_as: str | None = None
    version: int | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Exports and imports jobs. `version` is Hengio's own."""

    jobs: JobService
    version: str

    def exported(self, stored: StoredJob, *, by: str) -> Json:
        """One job: `{"hengio_export", "metadata", "secrets", "job"}`. `secrets` are what its placeholders ask for."""
        definition, secrets = confidential.placeheld(codec.decode(canonical(stored.job)))
        definition["enabled"] = stored.job.enabled
        return {
            "hengio_export": FORMAT,
            "metadata": {
                "exported_at": to_iso(self.jobs.clock.now()),
                "exported_by": by,
                "hengio_version": self.version,
                "job_id": stored.id,
                "job_version": stored.version,
            },
            "secrets": secrets,
            "job": definition,
        }

    async def export(self, names: Sequence[str], *, by: str) -> list[tuple[str, Json]]:
        """Those jobs, or all of them, each with its name. `NotFound`."""
        every = [await self.jobs.storage.jobs.get(name) for name in names] or await self.jobs.storage.jobs.all()
        for stored in every:
            await self.jobs.audit("job.exported", stored, by=by)
        return [(stored.job.name, self.exported(stored, by=by)) for stored in every]

    async def bring(
        self, found: Sequence[tuple[str, Json]], *, secrets: Mapping[str, str], clash: Clash, by: str
    ) -> list[Item]:
        """Import each definition (its source, and the document); what is refused does not keep the others out.

        `secrets` by what placeholders ask for: `JOB:PATH`, or `PATH` where a single one of the definitions asks for it.
        """
        taken = {stored.job.name for stored in await self.jobs.storage.jobs.all()}
        secrets = _unambiguous(found, secrets)
        return [
            await self._one(source, document, secrets=secrets, clash=clash, by=by, taken=taken)
            for source, document in found
        ]

    async def _one(
        self, source: str, document: Json, *, secrets: Mapping[str, str], clash: Clash, by: str, taken: set[str]
    ) -> Item:
        definition = definition_of(document)
        name = name_of(definition)
        try:
            _check_format(document)
            definition = confidential.filled(definition, _for(name, confidential.asked(definition), secrets))
            outcome: Literal["imported", "copied", "replaced"] = "imported"
            if name in taken:
                definition, outcome = _clashing(definition, name, taken, clash)
            stored, report = await self.jobs.apply(definition)
        except HengioError as error:
            problems = error.problems or (Problem("$", error.message, error.hint),)
            return Item(source=source, name=name, outcome="refused", problems=problems)
        taken.add(stored.job.name)
        await self.jobs.audit("job.imported", stored, by=by)
        warnings = tuple(str(warning) for warning in report.warnings)
        return Item(
            source=source,
            name=name,
            outcome=outcome,
            imported_as=stored.job.name,
            version=stored.version,
            warnings=warnings,
        )


def read_all(data: bytes, *, source: str) -> list[tuple[str, Json]]:
    """Every definition in a file: one, an array of them, or a ZIP of such files; each with where it came from.

    Raises `Refused` for a file that is none of these, or unpacks to too much.
    """
    if data[:4] == b"PK\x03\x04":
        return [found for name, text in _unzipped(data) for found in read_all_text(text, source=name)]
    return read_all_text(data, source=source)


def read_all_text(data: bytes, *, source: str) -> list[tuple[str, Json]]:
    """As `read_all`, of a text. An array may hold many definitions, each of them no larger than one may be."""
    try:
        document = read(data, most=MOST_BYTES)
    except InvalidDefinition as error:
        raise Refused(f"{source} cannot be read", problems=error.problems) from error
    if not isinstance(document, list):
        return [(source, document)]
    return [(f"{source}[{place}]", each) for place, each in enumerate(document)]


def definition_of(document: Json) -> Json:
    """The definition in an export; any other document is one itself."""
    return document.get("job") if isinstance(document, dict) and "hengio_export" in document else document


def name_of(definition: Json) -> str:
    """What a definition calls its job; empty if it is none."""
    return str(definition.get("name", "")) if isinstance(definition, dict) else ""


def asked_by(found: Sequence[tuple[str, Json]]) -> Counter[str]:
    """How many of the definitions ask for each secret."""
    return Counter(path for _, document in found for path in confidential.asked(definition_of(document)))


def zipped(exports: Sequence[tuple[str, Json]]) -> bytes:
    """A ZIP with a file for each job, and `index.json` that lists them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        index = []
        for place, (name, document) in enumerate(exports):
            file = f"jobs/{place + 1:04d}-{_plain(name)}.json"
            archive.writestr(file, codec.encode(document))
            index.append({"file": file, "name": name, **document["metadata"]})
        archive.writestr("index.json", codec.encode({"hengio_export_index": FORMAT, "jobs": index}))
    return buffer.getvalue()


def _unzipped(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [part for part in archive.infolist() if not part.is_dir() and part.filename != "index.json"]
            if len(parts) > MOST_FILES or sum(part.file_size for part in parts) > MOST_BYTES:
                raise Refused(f"the archive unpacks to more than {MOST_BYTES >> 20} MiB or {MOST_FILES} files")
            for part in parts:
                if part.file_size > MOST_MEMBER_BYTES:
                    raise Refused(f"{part.filename} in the archive is larger than {MOST_MEMBER_BYTES >> 20} MiB")
                with archive.open(part) as opened:
                    yield part.filename, opened.read()
    except _DAMAGED as error:
        raise Refused("the archive cannot be read: it is damaged or encrypted") from error


def _check_format(document: Json) -> None:
    """Refuse an export of a later form, whose meaning nobody knows here."""
    if isinstance(document, dict) and document.get("hengio_export", FORMAT) != FORMAT:
        told = words.shown(document["hengio_export"])
        raise Refused(f"the export has the format {told}, and this version reads {FORMAT}")


def _unambiguous(found: Sequence[tuple[str, Json]], secrets: Mapping[str, str]) -> dict[str, str]:
    """The secrets without those that are given for a path alone while several definitions ask for that path: the same
    path in two jobs is two secrets, and one of them would be told to the other's receiver."""
    counted = asked_by(found)
    return {path: value for path, value in secrets.items() if counted[path] <= 1}


def _for(name: str, asked: Sequence[str], secrets: Mapping[str, str]) -> dict[str, str]:
    """The values of one job's placeholders. Raises `Refused` with all that are missing."""
    values: dict[str, Any] = {path: secrets.get(f"{name}:{path}", secrets.get(path)) for path in asked}
    missing = [path for path, value in values.items() if value is None]
    if missing:
        problems = [
            Problem(path, "this secret was left out of the export and must be given", f"as {name}:{path}")
            for path in missing
        ]
        raise Refused(f"job '{name}' needs {len(missing)} secrets", problems=problems)
    return values


def _clashing(
    definition: dict[str, Any], name: str, taken: set[str], clash: Clash
) -> tuple[dict[str, Any], Literal["copied", "replaced"]]:
    match clash:
        case "replace":
            return definition, "replaced"
        case "refuse":
            raise Refused(f"there is a job '{name}'", hint="import it as a copy, or let it replace that one")
        case "copy":
            number = next(number for number in range(1, len(taken) + 2) if f"{name}-copy-{number}" not in taken)
            return {**definition, "name": f"{name}-copy-{number}"}, "copied"


def _plain(name: str) -> str:
    """A name that any file system takes."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "_" for letter in name)[:80]
