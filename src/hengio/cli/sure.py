"""What can not be undone is asked for once more."""

from __future__ import annotations

import sys

from rich.console import Console

from hengio.errors import Refused


def check(what: str, *, sure: bool) -> None:
    """Return if it was said on the command line or at the terminal; else raise `Refused`."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise Refused(f"to {what} needs --yes where nobody can be asked")
    answer = Console(stderr=True, highlight=False).input(f"{what}? \\[y/N] ")
    if answer.strip().lower() not in {"y", "yes"}:
        raise Refused("nothing was done")
