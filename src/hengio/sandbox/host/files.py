"""`file_read` and `file_write`: objects of the files area that the grants name (R4.5, R4.6)."""

from __future__ import annotations

import asyncio
import hashlib

from hengio import codec
from hengio.blobs.protocol import Blobs
from hengio.errors import HengioError, NotFound, Refused
from hengio.grants import files
from hengio.keys import check_key
from hengio.model.grant import Grant, Permission
from hengio.sandbox.host.answer import answered, denied
from hengio.sandbox.host.outside import Layer, Scope
from hengio.sandbox.protocol import Answered, Ask, Status


class FileCapability:
    """Answers `file_read` and `file_write`. Nothing but the files area can be named."""

    def __init__(self, area: Blobs) -> None:
        self._area = area

    async def answer(self, ask: Ask, scope: Scope) -> Answered:
        permission: Permission = "file:read" if ask.function == "file_read" else "file:write"
        try:
            key = check_key(ask.request.decode())
        except (UnicodeDecodeError, Refused) as error:
            return answered(Status.INVALID_REQUEST, f"the path cannot be used: {error}")
        if not allowed(scope, permission, key):
            return missing(scope, permission, key)
        writes = permission == "file:write"
        try:
            async with asyncio.timeout(ask.seconds_left):
                return await (self._write(key, ask.data, scope) if writes else self._read(key, scope))
        except (TimeoutError, HengioError) as error:
            return answered(*failure(error, key), wrote=writes)

    async def _read(self, key: str, scope: Scope) -> Answered:
        data = bytearray()
        async for chunk in self._area.stream(key):
            data += chunk
            if len(data) > scope.file_bytes:
                return answered(Status.LIMIT_EXCEEDED, f"the file has more than {scope.file_bytes} bytes")
        return Answered(status=Status.OK, reply=bytes(data))

    async def _write(self, key: str, data: bytes, scope: Scope) -> Answered:
        if len(data) > scope.file_bytes:
            return answered(Status.LIMIT_EXCEEDED, f"a file has at most {scope.file_bytes} bytes")
        await self._area.put(key, data)  # in a dry run an area over the real one
        told = {"path": key, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if scope.note is not None:
            scope.note("file", told)
        return Answered(status=Status.OK, reply=codec.encode(told), wrote=True)


def allowed(scope: Scope, permission: Permission, key: str) -> bool:
    """Whether every layer of the scope has a grant for that key."""
    return all(_allows(layer, permission, key) for layer in scope.layers)


def _allows(layer: Layer, permission: Permission, key: str) -> bool:
    return any(grant.permission == permission and files.allows(grant.resource, key) for grant in layer)


def missing(scope: Scope, permission: Permission, key: str) -> Answered:
    """The denial where that is not allowed."""
    return denied(Grant(permission, key), left_out=_allows(scope.layers[0], permission, key))


def failure(error: TimeoutError | HengioError, key: str) -> tuple[Status, str]:
    """How the area's own failure is answered."""
    match error:
        case TimeoutError():
            return Status.DEADLINE, "the object store did not answer in time"
        case NotFound():
            return Status.NOT_FOUND, f"there is no file {key!r}"
        case _:
            return Status.UNAVAILABLE, error.message
