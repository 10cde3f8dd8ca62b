"""One SFTP session: what a server has, and files from and to it in bounded memory (H4.4).

Paths are bytes, as in the protocol. A server may be slow, broken or hostile: every request has an end, a file counts
only when it has as many bytes as the server said, and what arrives is never more than was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, TypeVar, cast

import asyncssh
from msgspec import Struct

from hengio.errors import Forbidden, HengioError, NotFound, Refused, Unavailable
from hengio.targets.sftp.faults import FOREIGN, of_request
from hengio.targets.sftp.paths import parent, shown
from hengio.targets.sftp.pipeline import Pipeline

STALL_SECONDS = 60.0
GRACE_SECONDS = 0.5
BLOCK_BYTES = 256 << 10
_IN_FLIGHT_BYTES = 4 << 20
T = TypeVar("T")
_File = asyncssh.SFTPClientFile
Kind = Literal["file", "folder", "link", "other", "unknown"]
_KINDS: dict[int, Kind] = {
    asyncssh.FILEXFER_TYPE_REGULAR: "file",
    asyncssh.FILEXFER_TYPE_DIRECTORY: "folder",
    asyncssh.FILEXFER_TYPE_SYMLINK: "link",
    asyncssh.FILEXFER_TYPE_UNKNOWN: "unknown",
}


class Facts(Struct, frozen=True):
    """What the server says of a path: `size` in bytes, `modified` in seconds since 1970."""

    kind: Kind
    size: int | None
    modified: int | None


class Session:
    """What a step does on a server. `lost` is set once the server failed in a way that may pass.

    Raises from every method: `NotFound`, `Forbidden`, `Refused`, and `Unavailable` for a server that fails, lies or
    says nothing for `stall_seconds`.
    """

    def __init__(
        self, connection: asyncssh.SSHClientConnection, client: asyncssh.SFTPClient, *, stall_seconds: float
    ) -> None:
        self._connection = connection
        self._client = client
        self._stall = stall_seconds
        self._folders: set[bytes] = set()
        self.lost: Unavailable | None = None

    async def facts(self, path: bytes) -> Facts:
        """Of the file or folder that the path leads to, through links."""
        return _facts(await self._ask(self._client.stat(path), f"look at {shown(path)}"))

    async def names(self, folder: bytes) -> AsyncGenerator[tuple[bytes, Facts], None]:
        """What a folder holds, links unresolved, without `.` and `..`. The names are whatever the server says."""
        listing = cast("AsyncGenerator[asyncssh.SFTPName, None]", self._client.scandir(folder))
        try:
            while (entry := await self._entry(listing, f"list {shown(folder)}")) is not None:
                name = entry.filename if isinstance(entry.filename, bytes) else entry.filename.encode()
                if name not in {b".", b".."}:
                    yield name, _facts(entry.attrs)
        finally:
            await self._settle(asyncio.ensure_future(listing.aclose()))

    @asynccontextmanager
    async def reading(self, path: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
        """A file in blocks, in order. They end well only if the server's word on its size has come true.

        Whoever takes them may leave without waiting for the block that it asked for, as a store does whose upload is
        cancelled: then the connection ends, and with it whatever is under way.
        """
        blocks = self._read(path)
        try:
            yield blocks
        finally:
            try:
                await blocks.aclose()
            except RuntimeError:  # somebody else is in it
                self._connection.abort()

    async def write(self, path: bytes, chunks: AsyncIterator[bytes], *, meant: bytes) -> Facts:
        """A new file of these chunks; it must not be there yet. What the server says of it in the end is checked.
        Errors name the file that it is `meant` to become."""
        what = f"write {shown(meant)}"
        sent = 0
        async with self._opened(path, "xb", what) as file:
            block = min(BLOCK_BYTES, max(self._client.limits.max_write_len, 1))
            async with _pipeline(block) as pipeline:
                async for chunk in chunks:
                    for start in range(0, len(chunk), block):
                        if pipeline.full:
                            await self._ask(pipeline.first(), what, moving=True)
                        piece = chunk[start : start + block]
                        pipeline.add(file.write(piece, sent))
                        sent += len(piece)
                while not pipeline.empty:
                    await self._ask(pipeline.first(), what, moving=True)
            facts = _facts(await self._ask(file.stat(), what))
        if facts.size != sent:
            raise self._told(Unavailable(f"cannot {what}: the server kept {facts.size} of {sent} bytes"))
        return facts

    async def replace(self, path: bytes, target: bytes) -> None:
        """Give a file its final name, in place of what is there: in one step, where the server offers that."""
        what = f"write {shown(target)}"
        try:
            await self._ask(self._client.posix_rename(path, target), what)
        except Refused:
            pass
        else:
            return
        try:
            await self._ask(self._client.rename(path, target), what)
        except Refused as error:
            await self._check_replaceable(target, error)
            await self._ask(self._client.remove(target), what)
            await self._ask(self._client.rename(path, target), what)

    async def make_folders(self, folder: bytes) -> None:
        """The folder and those above it, as far as they are not there."""
        if not folder.strip(b"/") or folder in self._folders:
            return
        if not await self._is_folder(folder):
            await self.make_folders(parent(folder))
            try:
                await self._ask(self._client.mkdir(folder), f"make the folder {shown(folder)}")
            except HengioError:
                if not await self._is_folder(folder):  # somebody else made it
                    raise
        self._folders.add(folder)

    async def remove(self, path: bytes) -> None:
        """Remove a file, if it is there and the server permits it."""
        with suppress(NotFound, Forbidden, Refused):
            await self._ask(self._client.remove(path), f"remove {shown(path)}")

    async def discard(self, path: bytes) -> None:
        """Remove an unfinished file if that can be done at once: the step has failed already, or is being ended."""
        with suppress(TimeoutError, *FOREIGN):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._client.remove(path)

    async def _read(self, path: bytes) -> AsyncGenerator[bytes, None]:
        what = f"read {shown(path)}"
        async with self._opened(path, "rb", what) as file:
            size = _facts(await self._ask(file.stat(), what)).size
            if size is None:
                raise Refused(f"cannot {what}: the server does not say how large it is")
            block = min(BLOCK_BYTES, max(self._client.limits.max_read_len, 1))
            starts = iter(range(0, size, block))
            async with _pipeline(block) as pipeline:
                while True:
                    while not pipeline.full and (start := next(starts, None)) is not None:
                        pipeline.add(_block(file, start, min(block, size - start)))
                    if pipeline.empty:
                        break
                    yield await self._ask(pipeline.first(), what, moving=True)
            await self._check_size(file, size, what)

    async def _is_folder(self, path: bytes) -> bool:
        try:
            facts = await self.facts(path)
        except NotFound:
            return False
        if facts.kind == "file":
            raise Refused(f"{shown(path)} on the server is a file, not a folder")
        return True

    async def _check_replaceable(self, target: bytes, error: Refused) -> None:
        """That something is there which a file can replace; else what the server said first is the error."""
        try:
            kind = (await self.facts(target)).kind
        except NotFound:
            raise error from None
        if kind == "folder":
            raise Refused(error.message, hint="it is a folder: end remote_path with / to write into it") from None

    async def _check_size(self, file: _File, size: int, what: str) -> None:
        """That the file is as large as the server said, now that all of it was read."""
        beyond = await self._ask(file.read(1, size), what, moving=True)
        if beyond or _facts(await self._ask(file.stat(), what)).size != size:
            raise self._told(Unavailable(f"cannot {what}: its size changed while it was read"))

    @asynccontextmanager
    async def _opened(self, path: bytes, mode: str, what: str) -> AsyncIterator[_File]:
        """The file, for requests of our own size. It is closed when all went well; else its session ends."""
        file: _File = await self._ask(self._client.open(path, mode, encoding=None, block_size=0), what)
        yield file
        await self._ask(file.close(), what, moving=True)

    async def _entry(self, listing: AsyncIterator[asyncssh.SFTPName], what: str) -> asyncssh.SFTPName | None:
        """The next of a listing, None at its end."""
        step = asyncio.ensure_future(anext(listing, None))
        try:
            await self._ask(asyncio.wait({step}), what)
            return await self._ask(step, what)
        finally:
            await self._settle(step)

    async def _settle(self, step: asyncio.Future[Any]) -> None:
        """The end of `step`. The library ends a listing with one more request, which a server that hangs leaves open,
        cancelled or not: only the end of the connection ends that."""
        if not step.done():
            await asyncio.wait({step}, timeout=GRACE_SECONDS / 2)
        if not step.done():
            self._connection.abort()
            await asyncio.wait({step}, timeout=GRACE_SECONDS / 2)
        if step.done() and not step.cancelled():
            step.exception()  # it is told elsewhere, or follows from what is

    async def _ask(self, answer: Awaitable[T], what: str, *, moving: bool = False) -> T:
        try:
            async with asyncio.timeout(self._stall):
                return await answer
        except _Untrue as error:
            raise self._told(Unavailable(f"cannot {what}: {error}")) from None
        except FOREIGN as error:
            raise self._told(of_request(error, what=what, moving=moving)) from None

    def _told(self, error: HengioError) -> HengioError:
        if isinstance(error, Unavailable):
            self.lost = error
        return error


class _Untrue(Exception):
    """The server's answer is not what it must be."""


async def _block(file: _File, start: int, size: int) -> bytes:
    """That much of the file from there; a server may give it in pieces."""
    data = cast(bytes, await file.read(size, start))
    while 0 < len(data) < size and (more := await file.read(size - len(data), start + len(data))):
        data += cast(bytes, more)
    if len(data) < size:
        raise _Untrue(f"it ended at {start + len(data)} bytes, before the size that the server said")
    if len(data) > size:
        raise _Untrue("the server sent more than it was asked for")
    return data


def _pipeline(block: int) -> Pipeline[Any]:
    """Requests of that size: as many as keep a line busy and memory small."""
    return Pipeline(most=min(max(_IN_FLIGHT_BYTES // block, 16), 64))


def _facts(attributes: asyncssh.SFTPAttrs) -> Facts:
    return Facts(_KINDS.get(attributes.type, "other"), attributes.size, attributes.mtime)
