"""From a server into the files area, under the attempt's own folder."""

from __future__ import annotations

from hengio.blobs.protocol import Blobs
from hengio.definition.configs import SftpConfig
from hengio.errors import Refused
from hengio.steps.protocol import StepRequest
from hengio.steps.tables.naming import file_key, tamed
from hengio.steps.transfer.moved import Moved, moved
from hengio.targets.sftp import paths, walk
from hengio.targets.sftp.session import Session
from hengio.targets.sftp.walk import Found, Wanted


async def run(session: Session, files: Blobs, config: SftpConfig, request: StepRequest) -> list[Moved]:
    """Fetch what the configuration names. A file is in the files area when all of it is, and not before."""
    found = await _found(session, config)
    return [await _fetch(session, files, one, key) for key, one in _keys(found, config, request).items()]


async def _found(session: Session, config: SftpConfig) -> list[Found]:
    path, options = paths.remote(config.remote_path), config.options
    facts = await session.facts(path)
    if options.wildcard_pattern is not None or options.recursive:
        if facts.kind == "file":
            raise Refused(f"{paths.shown(path)} is a file", hint="leave out wildcard_pattern and recursive")
        return await walk.files(session, path, Wanted(options.wildcard_pattern, recursive=options.recursive))
    if facts.kind not in {"file", "unknown"}:
        hint = "set options.wildcard_pattern or options.recursive to fetch what is in a folder"
        raise Refused(f"{paths.shown(path)} is not a file", hint=hint)
    return [Found(path, (paths.name(path),), facts)]


def _keys(found: list[Found], config: SftpConfig, request: StepRequest) -> dict[str, Found]:
    """Which file goes where. Names that are not allowed in the files area are changed as little as they must be; of
    two that come to the same, none is fetched."""
    several = config.options.wildcard_pattern is not None or config.options.recursive
    keys: dict[str, Found] = {}
    for one in found:
        name = "/".join(tamed(paths.shown(part)) for part in one.parts)
        key = file_key(request, _local(config.local_path, name, folder=several))
        if key in keys:
            both = f"{paths.shown(keys[key].path)} and {paths.shown(one.path)}"
            raise Refused(f"{both} would have the same name in the files area", hint="fetch them in two steps")
        keys[key] = one
    return keys


def _local(given: str | None, name: str, *, folder: bool) -> str:
    if given is None:
        return name
    if folder or given.endswith("/"):
        return f"{given.removesuffix('/')}/{name}"
    return given


async def _fetch(session: Session, files: Blobs, one: Found, key: str) -> Moved:
    async with session.reading(one.path) as blocks:
        size = await files.put_stream(key, blocks)
    return moved(key, one.path, size, facts=one.facts)
