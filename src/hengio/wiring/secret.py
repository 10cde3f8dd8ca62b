"""The secret of an installation that was given none: made once, in its data folder.

A rotation puts a new one before it. While that goes on the file has several lines: the current secret and earlier ones.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hengio import secret

NAME = "secret.key"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_BYTES = 4096


class UnusableSecret(Exception):
    """There is no secret, or others may know it."""


def own_secret(folder: Path) -> bytes:
    """The folder's current secret, made if there is none. Raises `UnusableSecret`; its text holds nothing of it."""
    return own_secrets(folder)[0]


def own_secrets(folder: Path) -> list[bytes]:
    """The same with earlier ones behind it."""
    file = folder / NAME
    try:
        if not file.exists():
            _make(file)
        return _read(file)
    except OSError as error:
        raise UnusableSecret(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise UnusableSecret(f"{file} {error}") from error


def replace_secrets(folder: Path, own: Sequence[bytes]) -> None:
    """Put these in the file, the current one first: all of them or none. Raises `UnusableSecret`."""
    file = folder / NAME
    try:
        aside = _aside(file, "\n".join(one.hex() for one in own))
        try:
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
        _settle(folder)
    except OSError as error:
        raise UnusableSecret(f"{file}: {error.strerror}") from error


def _read(file: Path) -> list[bytes]:
    with os.fdopen(os.open(file, _READ), "rb") as opened:
        about = os.fstat(opened.fileno())
        if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise UnusableSecret(f"{file} must belong to this user and be readable by nobody else (mode 0600)")
        lines = opened.read(_MOST_BYTES).decode("ascii").split()
        return [secret.decode(line) for line in lines or [""]]


def _make(file: Path) -> None:
    """Whole or not at all; of several processes that make one at the same time, the first wins."""
    aside = _aside(file, secrets.token_hex(secret.LEAST_BYTES))
    try:
        with suppress(FileExistsError):
            os.link(aside, file)
    finally:
        aside.unlink(missing_ok=True)
    _settle(file.parent)


def _aside(file: Path, text: str) -> Path:
    """The text in a file beside it, on the disk."""
    aside = file.with_name(f".{NAME}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(aside, _WRITE, 0o600), "wb") as opened:
        opened.write(text.encode())
        opened.flush()
        os.fsync(opened.fileno())
    return aside


def _settle(folder: Path) -> None:
    """Let the folder's entries be on the disk: values may be sealed with what the file holds now."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
