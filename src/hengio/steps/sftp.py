"""The SFTP step: files of a server into the files area, and of the files area to a server (H4.4)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from hengio import codec
from hengio.blobs.protocol import Blobs
from hengio.codec import Raw
from hengio.definition import templates
from hengio.definition.configs import SftpConfig
from hengio.definition.context import Context
from hengio.errors import HengioError, Refused
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult
from hengio.steps.transfer import download, upload
from hengio.steps.transfer.moved import Moved
from hengio.targets.sftp.faults import TimedOut
from hengio.targets.sftp.servers import SftpServers
from hengio.targets.sftp.target import SftpTarget, target


class SftpStep:
    """Downloads files under the attempt's own folder, or uploads them. Its output is the list of files.

    Files flow between server and object store in blocks: memory holds a few MiB, whatever their size.
    """

    def __init__(self, servers: SftpServers, files: Blobs) -> None:
        self._servers = servers
        self._files = files

    async def run(self, request: StepRequest) -> StepResult:
        try:
            config = _config(request.step.config, request.context)
            server = self._target(config)
            try:
                async with asyncio.timeout(config.timeout_seconds) as limit:
                    moved = await self._move(config, server, request)
            except TimeoutError:
                if not limit.expired():
                    raise
                raise TimedOut(f"the transfer did not end within {config.timeout_seconds:g} s") from None
        except HengioError as error:
            return failed(error)
        return _result(moved, config, server)

    def _target(self, config: SftpConfig) -> SftpTarget:
        if config.connection is not None:
            if given := [name for name in ("host", "port", "username", "auth", "host_key") if getattr(config, name)]:
                raise Refused(f"`connection` and `{given[0]}` exclude each other")
            return self._servers.named(config.connection)
        if config.host is None or config.username is None or config.auth is None:
            raise Refused("the step needs a `connection`, or `host`, `username` and `auth`")
        return target(
            host=config.host,
            username=config.username,
            auth=config.auth,
            port=22 if config.port is None else config.port,
            host_key=config.host_key,
            verify_host_key=config.options.verify_host_key,
        )

    async def _move(self, config: SftpConfig, server: SftpTarget, request: StepRequest) -> list[Moved]:
        if config.operation == "download":
            async with self._servers.session(server) as session:
                return await download.run(session, self._files, config, request)
        sources = await upload.sources(self._files, config)
        if request.rehearsal is not None:
            _note(sources, config, request)
            return [source.moved() for source in sources]
        async with self._servers.session(server) as session:
            return await upload.run(session, self._files, sources, config=config, request=request)


def _config(config: dict[str, Any], context: Context) -> SftpConfig:
    resolved = {key: templates.resolve(value, context, field=key) for key, value in config.items()}
    try:
        found = msgspec.convert(resolved, SftpConfig)
    except msgspec.ValidationError as error:
        raise Refused(f"the step's configuration does not fit: {error}") from error
    if found.timeout_seconds is not None and found.timeout_seconds <= 0:
        raise Refused("timeout_seconds is greater than 0")
    pattern = found.options.wildcard_pattern
    if pattern is not None and ("/" in pattern or not 0 < len(pattern) <= 255):
        raise Refused("wildcard_pattern is a pattern of names, without /", hint="recursive goes into folders")
    return found


def _note(sources: list[upload.Source], config: SftpConfig, request: StepRequest) -> None:
    assert request.rehearsal is not None
    where = {"host": config.host} if config.connection is None else {"connection": config.connection}
    what = {
        "operation": "upload",
        **where,
        "files": [source.key for source in sources],
        "remote_path": config.remote_path,
    }
    step = request.step
    request.rehearsal.note("sftp", step_id=step.id, visit=request.visit, attempt=request.attempt, what=what)


def _result(moved: list[Moved], config: SftpConfig, server: SftpTarget) -> StepResult:
    output = {"files": moved, "file_count": len(moved), "remote_path": config.remote_path}
    detail = {"server": server.circuit.removeprefix("sftp "), "files": len(moved), "bytes": sum(m.size for m in moved)}
    return StepResult(output=Raw(codec.encode(output)), detail=detail)
