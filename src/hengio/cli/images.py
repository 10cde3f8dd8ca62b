"""`hengio module export|import`: modules as OCI images, in a folder or an archive."""

from __future__ import annotations

from pathlib import Path

from hengio import log, settings
from hengio.cli.interrupt import brief
from hengio.cli.modules import at_module_desk, document
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, terminal
from hengio.errors import Conflict, Refused
from hengio.model.module import Module
from hengio.registry.oci.files import read_layout, write_archive, write_folder
from hengio.registry.oci.package import Package, pack
from hengio.wiring import process
from hengio.wiring.embedded import embedded

_ARCHIVE = ".tar"


def export_image(reference: str, *, to: Path, data_dir: Path | None, as_json: bool) -> int:
    """Write a module, its digest checked, as an image."""
    module, binary = at_module_desk(lambda desk: desk.modules.download(reference), data_dir=data_dir)
    files = pack(module, binary)
    if to.suffix == _ARCHIVE:
        _write_new(to, write_archive(files))
    else:
        write_folder(files, to)
    if as_json:
        print_json({**document(module), "image": str(to)})
    else:
        _say(f"{escape(module.reference)} is in {escape(str(to))}")
    return 0


def import_image(source: Path, *, reference: str, data_dir: Path | None, as_json: bool) -> int:
    """Register what an image holds; returns when its code is compiled and kept."""
    log.configure(level="warning", style="json" if as_json else "text")
    chosen = brief(settings.load(data_dir=data_dir))
    package = read_layout(source, most_bytes=chosen.modules.max_mb << 20)
    module = process.run(_take(chosen, package, reference))
    if as_json:
        print_json(document(module))
    else:
        signed = "" if module.signature is None else f", signed with {module.signature.key_id}"
        _say(f"{escape(module.reference)} is registered{signed}")
    return 0


async def _take(chosen: settings.Settings, package: Package, reference: str) -> Module:
    async with embedded(chosen) as system:
        module = await system.intake.take(package, by=person(), reference=reference)
        await system.sandbox.prepared(module.digest)
        return module


def _write_new(file: Path, data: bytes) -> None:
    try:
        with file.open("xb") as out:
            out.write(data)
    except FileExistsError as error:
        raise Conflict(f"{file} is there already") from error
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from error


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
