"""From the files area to a server. A receiver sees a whole file under its name, or none."""

from __future__ import annotations

import hashlib
import unicodedata

from msgspec import Struct

from hengio.blobs.protocol import BlobInfo, Blobs
from hengio.clock import SECOND
from hengio.definition.configs import SftpConfig
from hengio.errors import Refused
from hengio.steps.protocol import StepRequest
from hengio.steps.transfer.moved import Moved, moved
from hengio.targets.sftp import paths
from hengio.targets.sftp.session import Facts, Session
from hengio.targets.sftp.walk import MOST_FILES, UNFINISHED, Wanted


class Source(Struct, frozen=True):
    """A file to upload, and where to."""

    info: BlobInfo
    path: bytes

    @property
    def key(self) -> str:
        return self.info.key

    def moved(self) -> Moved:
        """As if it were there."""
        facts = Facts("file", self.info.size, self.info.modified_at // SECOND)
        return moved(self.key, self.path, self.info.size, facts=facts)


async def sources(files: Blobs, config: SftpConfig) -> list[Source]:
    """What the configuration names in the files area, by key. Raises `NotFound` for a key that is not there."""
    remote, options = paths.remote(config.remote_path), config.options
    if not config.local_path:
        raise Refused("an upload needs local_path", hint="a key of the files area, such as {{steps.ID.output.path}}")
    local = unicodedata.normalize("NFC", config.local_path)
    if options.wildcard_pattern is None and not options.recursive:
        info = await files.info(local)
        path = paths.join(remote, paths.name(local.encode())) if remote.endswith(b"/") else remote
        return [Source(info, path)]
    folder = local.removesuffix("/") + "/"
    found = await _below(files, folder, Wanted(options.wildcard_pattern, recursive=options.recursive))
    return [Source(info, paths.join(remote, info.key.removeprefix(folder).encode())) for info in found]


async def run(
    session: Session, files: Blobs, sources: list[Source], *, config: SftpConfig, request: StepRequest
) -> list[Moved]:
    """Put them there one after the other."""
    return [await _put(session, files, source, config=config, request=request) for source in sources]


async def _below(files: Blobs, folder: str, wanted: Wanted) -> list[BlobInfo]:
    found: list[BlobInfo] = []
    async for info in files.list(folder):
        name = info.key.removeprefix(folder)
        if ("/" in name and not wanted.recursive) or not wanted.takes(name.rpartition("/")[2].encode()):
            continue
        found.append(info)
        if len(found) > MOST_FILES:
            raise Refused(f"there are more than {MOST_FILES} files below {folder} that are meant")
    return sorted(found, key=lambda info: info.key)


async def _put(session: Session, files: Blobs, source: Source, *, config: SftpConfig, request: StepRequest) -> Moved:
    folder = paths.parent(source.path)
    if config.options.create_directories:
        await session.make_folders(folder)
    for attempt in range(1, request.attempt):  # what those that were killed could not remove
        await session.remove(_unfinished(source, request, attempt))
    aside = _unfinished(source, request, request.attempt)
    try:
        facts = await _written(session, files, source, aside)
        await session.replace(aside, source.path)
    except BaseException:
        await session.discard(aside)
        raise
    return moved(source.key, source.path, facts.size or 0, facts=facts)


async def _written(session: Session, files: Blobs, source: Source, aside: bytes) -> Facts:
    await session.remove(aside)  # of an attempt of the same number, before a redrive
    return await session.write(aside, files.stream(source.key), meant=source.path)


def _unfinished(source: Source, request: StepRequest, attempt: int) -> bytes:
    """The name of a file while it is written: the same for this attempt of this step, and no other's."""
    digest = hashlib.sha256(b"\0".join((request.key.encode(), source.path))).hexdigest()[:24]
    begins, ends = UNFINISHED
    return paths.join(paths.parent(source.path), begins + f"{digest}-{attempt}".encode() + ends)
