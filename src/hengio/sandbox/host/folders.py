"""What directories ask (`file_find`, `file_list`, `file_admit`): the files area as far as the grants let it be seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from hengio import codec
from hengio.blobs.protocol import BlobInfo, Blobs
from hengio.errors import HengioError, NotFound, Refused
from hengio.grants import files
from hengio.keys import check_key
from hengio.sandbox.host.answer import answered
from hengio.sandbox.host.entry import Entry
from hengio.sandbox.host.files import allowed, failure, missing
from hengio.sandbox.host.outside import Scope
from hengio.sandbox.protocol import Answered, Ask, Status

MOST_ENTRIES = 10_000
"""Of one folder."""


class FolderCapability:
    """A folder is there if something below it may be read; nothing else of it is told."""

    def __init__(self, area: Blobs) -> None:
        self._area = area

    async def answer(self, ask: Ask, scope: Scope) -> Answered:
        try:
            path = ask.request.decode()
            if path or ask.function != "file_list":
                check_key(path)
        except (UnicodeDecodeError, Refused) as error:
            return answered(Status.INVALID_REQUEST, f"the path cannot be used: {error}")
        if ask.function == "file_admit":
            may = allowed(scope, "file:write", path)
            return Answered(status=Status.OK, reply=b"") if may else missing(scope, "file:write", path)
        try:
            async with asyncio.timeout(ask.seconds_left):
                return await (self._find(path, scope) if ask.function == "file_find" else self._list(path, scope))
        except (TimeoutError, HengioError) as error:
            return answered(*failure(error, path))

    async def _find(self, path: str, scope: Scope) -> Answered:
        may = allowed(scope, "file:read", path)
        if may:
            try:
                found = await self._area.info(path)
                return _reply(Entry("", size=found.size, modified_at=found.modified_at))
            except NotFound:
                pass
        async for _ in self._readable(path, scope):
            return _reply(Entry("", is_folder=True))
        return answered(Status.NOT_FOUND, f"there is no file {path!r}") if may else missing(scope, "file:read", path)

    async def _list(self, path: str, scope: Scope) -> Answered:
        known: dict[str, Entry] = {}
        start = len(path) + 1 if path else 0
        async for info in self._readable(path, scope):
            name, _, below = info.key[start:].partition("/")
            if below:
                known.setdefault(name, Entry(name, is_folder=True))
            else:
                known[name] = Entry(name, size=info.size, modified_at=info.modified_at)
            if len(known) > MOST_ENTRIES:
                return answered(Status.LIMIT_EXCEEDED, f"the folder has more than {MOST_ENTRIES} entries")
        return _reply([known[name] for name in sorted(known)])

    async def _readable(self, path: str, scope: Scope) -> AsyncIterator[BlobInfo]:
        """The files below a folder that may be read. Only where grants could name some is looked."""
        patterns = [[grant.resource for grant in layer if grant.permission == "file:read"] for layer in scope.layers]
        for root in files.roots(patterns, path):
            async for info in self._area.list(f"{root}/" if root else ""):
                if _is_key(info.key) and allowed(scope, "file:read", info.key):
                    yield info


def _is_key(key: str) -> bool:
    """Whether it can be named at all; another program may have stored it."""
    try:
        return check_key(key) == key
    except Refused:
        return False


def _reply(value: Entry | list[Entry]) -> Answered:
    return Answered(status=Status.OK, reply=codec.encode(value))
