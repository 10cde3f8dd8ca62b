"""How something is to be run again, from a command's options."""

from __future__ import annotations

from pathlib import Path

from msgspec import UNSET

from hengio.cli.inputs import read_json
from hengio.errors import Refused
from hengio.service.executions import Again


def again(*, from_step: str | None, input_file: Path | None, whole: bool, latest: bool) -> Again:
    """Raises `Refused` for options that exclude each other."""
    if whole and from_step is not None:
        raise Refused("--from and --whole exclude each other")
    given = UNSET if input_file is None else read_json(input_file, what="input")
    return Again(given=given, from_step=from_step, whole=whole, latest=latest)
