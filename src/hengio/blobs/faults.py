"""Errors of the object store, translated once into Hengio's own. No message holds a key or a password of the store."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from hengio.errors import Conflict, HengioError, NotFound, Refused, Unavailable


@contextmanager
def translated(doing: str, key: str, area: str) -> Iterator[None]:
    """Run one operation on `key`; what goes wrong is raised as `hengio.errors`, naming what was being done."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise _translate(error, doing, f"{key!r} in area {area!r}") from error


def _translate(error: Exception, doing: str, what: str) -> HengioError:
    text = str(error)
    cannot = f"cannot {doing} {what}"
    found: HengioError
    match error:
        case _ if "NoSuchBucket" in text:
            found = Unavailable(f"{cannot}: the bucket does not exist", hint="create the bucket, or correct its name")
        case AlreadyExistsError() | FileExistsError():
            found = Conflict(f"{what} exists already")
        case PreconditionError():
            found = Conflict(f"{what} changed meanwhile", hint="try again")
        case FileNotFoundError():
            found = NotFound(f"{what} does not exist")
        case PermissionDeniedError() | UnauthenticatedError() | PermissionError():
            found = Unavailable(
                f"{cannot}: permission denied", hint="check the store's credentials or the folder's owner"
            )
        case InvalidPathError() | ValueError():
            found = Refused(f"{cannot}: the store does not take this key")
        case _:
            found = _by_number(error, _number(error, text), cannot)
    return found


def _number(error: Exception, text: str) -> int | None:
    """The operating system's error number; the library gives it in its text only."""
    if isinstance(error, OSError):
        return error.errno
    _, found, rest = text.partition("(os error ")
    digits = rest.partition(")")[0]
    return int(digits) if found and digits.isdigit() else None


def _by_number(error: Exception, number: int | None, what: str) -> HengioError:
    match number:
        case errno.ENOSPC | errno.EDQUOT:
            return Unavailable(f"{what}: the disk is full", hint="free space, then try again")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Unavailable(f"{what}: permission denied", hint="check the folder's owner and how it is mounted")
        case errno.ENAMETOOLONG:
            return Refused(f"{what}: the key is too long for this file system")
        case errno.ENOTDIR | errno.EISDIR | errno.ENOTEMPTY | errno.EEXIST:
            return Conflict(f"{what}: a part of the key is an object and a folder at once")
        case None:
            return Unavailable(f"{what}: the object store does not answer", hint=_cause(error))
        case _:
            return Unavailable(f"{what}: {errno.errorcode.get(number, str(number))}")


def _cause(error: Exception) -> str:
    """The innermost line of the library's message that says why, without addresses or headers."""
    text = str(error)
    for sign, cause in (
        ("connect", "it refuses connections: is it running, and is the endpoint right?"),
        ("imed out", "it did not reply in time"),
        ("imeout", "it did not reply in time"),
        ("dns", "its name does not resolve"),
        ("503", "it answers 503, too busy"),
        ("500", "it answers 500, an error of its own"),
    ):
        if sign in text:
            return cause
    return "see the log of the store"
