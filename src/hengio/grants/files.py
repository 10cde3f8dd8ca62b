"""Resources of `file:read` and `file:write`: path globs under the files area (ABI: Permissions)."""

from __future__ import annotations

from functools import lru_cache

from hengio.errors import Refused
from hengio.grants import glob
from hengio.keys import check_key

_EXAMPLE = "write a path of the files area such as reports/2026/*.csv or inbox/**"


@lru_cache(maxsize=4_096)
def parse(resource: str) -> tuple[str, ...]:
    """The segments of a glob. Raises `Refused` for one that is no relative path."""
    segments = tuple(resource.split("/"))
    if any("**" in segment and segment != "**" for segment in segments):
        raise Refused(f"'{resource}': ** stands for whole segments", hint=_EXAMPLE)
    try:
        check_key(resource.replace("*", "x"))
    except Refused as error:
        raise Refused(f"'{resource}' is no resource of files: {error.message}", hint=_EXAMPLE) from error
    return segments


def allows(resource: str, key: str) -> bool:
    """Whether a grant on `resource` is for a key that `check_key` accepted."""
    return glob.matches(parse(resource), key.split("/"))
