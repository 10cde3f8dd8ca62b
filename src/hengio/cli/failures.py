"""What ends a command beside the errors of `hengio.errors`: words it does not know, and what nobody foresaw."""

from __future__ import annotations

import os

from hengio import log
from hengio.errors import HengioError


class Usage(HengioError):
    """Words and options that no command takes."""

    code = "usage"
    exit_code = 2


class Internal(HengioError):
    """A fault of Hengio's own."""

    code = "internal"
    exit_code = 70


def usage(error: Exception) -> Usage | None:
    """What the library of the command line says of words it does not know; None for any other error.

    Its class of errors has moved from release to release, so it is known by what it can do.
    """
    told = getattr(error, "format_message", None)
    return None if told is None else Usage(str(told()), hint="--help tells what there is")


def internal(error: Exception) -> Internal:
    """A fault, told by its kind and place alone: its text may quote anything. The log has all of it at `debug`."""
    if os.environ.get("HENGIO_LOG__LEVEL", "").lower() == "debug":
        log.configure(level="debug", style="json")
        log.get_logger("cli").error("unexpected", exc_info=error)
    hint = "a fault of Hengio; HENGIO_LOG__LEVEL=debug shows where it comes from"
    return Internal(f"unexpected {type(error).__name__}{log.place(error)}", hint=hint)
