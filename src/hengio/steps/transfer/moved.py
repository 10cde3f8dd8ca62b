"""A file that was moved, as the step's output tells it."""

from __future__ import annotations

from msgspec import Struct

from hengio.clock import SECOND, to_iso
from hengio.targets.sftp.paths import shown
from hengio.targets.sftp.session import Facts


class Moved(Struct, frozen=True, kw_only=True):
    """`path` is the key in the files area, `remote_path` where it lies on the server, `size` in bytes.

    `modified_at` is when the file on the server was changed (RFC 3339), None where the server does not say.
    """

    path: str
    filename: str
    size: int
    remote_path: str
    modified_at: str | None


def moved(key: str, remote: bytes, size: int, *, facts: Facts) -> Moved:
    """What is told of a file that lies at both places now."""
    return Moved(
        path=key,
        filename=key.rpartition("/")[2],
        size=size,
        remote_path=shown(remote),
        modified_at=_moment(facts.modified),
    )


def _moment(seconds: int | None) -> str | None:
    try:
        return None if seconds is None else to_iso(seconds * SECOND)
    except (OverflowError, ValueError):  # a server may say anything
        return None
