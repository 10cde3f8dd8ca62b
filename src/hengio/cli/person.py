"""Who uses the command line: the name that executions and the audit log keep."""

from __future__ import annotations

import getpass


def person() -> str:
    """`cli:` and the login name."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"
