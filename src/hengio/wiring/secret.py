"""The secret of an installation that was given none: made once, in its data folder."""

from __future__ import annotations

import os
import secrets
import stat
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
    """The folder's secret, made if there is none. Raises `UnusableSecret`; its text holds nothing of it."""
    file = folder / NAME
    try:
        if not file.exists():
            _make(file)
        return _read(file)
    except OSError as error:
        raise UnusableSecret(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise UnusableSecret(f"{file} {error}") from error


def _read(file: Path) -> bytes:
    with os.fdopen(os.open(file, _READ), "rb") as opened:
        about = os.fstat(opened.fileno())
        if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise UnusableSecret(f"{file} must belong to this user and be readable by nobody else (mode 0600)")
        return secret.decode(opened.read(_MOST_BYTES).decode("ascii"))


def _make(file: Path) -> None:
    """Whole or not at all; of several processes that make one at the same time, the first wins."""
    aside = file.with_name(f".{NAME}-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(aside, _WRITE, 0o600), "wb") as opened:
            opened.write(secrets.token_hex(secret.LEAST_BYTES).encode())
            opened.flush()
            os.fsync(opened.fileno())
        with suppress(FileExistsError):
            os.link(aside, file)
    finally:
        aside.unlink(missing_ok=True)
