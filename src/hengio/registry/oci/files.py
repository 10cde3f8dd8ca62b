"""An OCI image layout in a folder or a tar archive that anybody may have made: only what is wanted is read, and only as
much of it as may be."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hengio.errors import Conflict, NotFound, Refused
from hengio.registry.oci.documents import MOST_DOCUMENT_BYTES
from hengio.registry.oci.package import Package, Read, unpack

SLACK_BYTES = 8 * MOST_DOCUMENT_BYTES
"""What an archive may hold beside the binary."""
_MOST_MEMBERS = 1_000
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def read_layout(source: Path, *, most_bytes: int) -> Package:
    """The module in a folder or archive. `NotFound`, `Refused`; as `unpack`."""
    if source.is_dir():
        with folder(source) as read:
            return unpack(read, most_bytes=most_bytes)
    try:
        with source.open("rb") as file:
            return read_archive(file, most_bytes=most_bytes)
    except FileNotFoundError as error:
        raise NotFound(f"there is no folder or archive {source}") from error
    except OSError as error:
        raise Refused(f"{source} cannot be read: {error.strerror}") from error


def read_archive(file: BinaryIO, *, most_bytes: int) -> Package:
    """The module in a tar archive, which is read once from where the file stands."""
    data = file.read(most_bytes + SLACK_BYTES + 1)
    if len(data) > most_bytes + SLACK_BYTES:
        raise Refused(f"the archive has more than {(most_bytes + SLACK_BYTES) >> 20} MiB")
    if data.startswith(_COMPRESSED):
        raise Refused("the archive is compressed", hint="a plain tar is read: a small file may unpack to a huge one")
    return unpack(_among(_members(data)), most_bytes=most_bytes)


@contextmanager
def folder(root: Path) -> Iterator[Read]:
    """Reads files below a folder without following any link on the way."""
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def read(path: str, most: int) -> bytes:
        *folders, name = path.split("/")
        opened, at = [], top
        try:
            for each in folders:
                at = os.open(each, _FLAGS | os.O_DIRECTORY, dir_fd=at)
                opened.append(at)
            handle = os.open(name, _FLAGS | os.O_NONBLOCK, dir_fd=at)  # a pipe would wait for somebody
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Refused(f"{path} is no plain file")
                return _bounded(file.read(most + 1), most, path)
        except FileNotFoundError as error:
            raise NotFound(f"the layout has no {path}") from error
        except OSError as error:
            raise Refused(f"{path} cannot be read, or is a link: {error.strerror}") from error
        finally:
            for one in opened:
                os.close(one)

    try:
        yield read
    finally:
        os.close(top)


def write_folder(files: Mapping[str, bytes], to: Path) -> None:
    """Write a layout to a folder, which is made. `Conflict` if something is there."""
    try:
        to.mkdir(parents=True)
    except FileExistsError as error:
        raise Conflict(f"{to} is there already") from error
    except OSError as error:
        raise Refused(f"{to} cannot be made: {error.strerror}") from error
    for path, data in files.items():
        target = to / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """A layout as a plain tar archive, the same for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _members(data: bytes) -> dict[str, bytes]:
    """The plain files of an archive by their paths. Nothing is written anywhere, so that a path leads nowhere; one that
    tries to, and a link, is refused all the same: whoever made that means no good."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for count, member in enumerate(archive):
                if count >= _MOST_MEMBERS:
                    raise Refused(f"the archive has more than {_MOST_MEMBERS} members")
                path = _checked(member)
                if member.isdir():
                    continue
                if path in found:
                    raise Refused(f"the archive has {path[:100]!r} twice")
                content = archive.extractfile(member)
                assert content is not None, "it is a plain file"
                found[path] = content.read()
    except (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError, OSError) as error:
        raise Refused(f"the archive cannot be read: {error}") from error
    return found


def _checked(member: tarfile.TarInfo) -> str:
    """The path of a plain file or folder. `Refused` for anything else."""
    path = member.name.removeprefix("./")
    parts = path.split("/")
    if member.name.startswith("/") or ".." in parts or "\\" in path or "\x00" in path:
        raise Refused(f"the archive has a member that leads out of it: {member.name[:100]!r}")
    if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE} or member.issparse():
        raise Refused(f"the archive has a member that is no plain file: {member.name[:100]!r}")
    if not member.size >= 0:
        raise Refused(f"the archive has a member of {member.size} bytes")
    return path


def _among(found: Mapping[str, bytes]) -> Read:
    def read(path: str, most: int) -> bytes:
        if path not in found:
            raise NotFound(f"the layout has no {path}")
        return _bounded(found[path], most, path)

    return read


def _bounded(data: bytes, most: int, path: str) -> bytes:
    if len(data) > most:
        raise Refused(f"{path} has more than {most} bytes")
    return data
