"""What can not be undone is asked for once more."""

from __future__ import annotations

import sys

from hengio.cli.present import said, terminal
from hengio.errors import Refused


def check(what: str, *, sure: bool) -> None:
    """Return if it was said on the command line or at the terminal; else raise `Refused`."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise Refused(f"to {what} needs --yes where nobody can be asked")
    answer = terminal(beside=True).input(said(f"{what}? [y/N] "))
    if answer.strip().lower() not in {"y", "yes"}:
        raise Refused("nothing was done")
