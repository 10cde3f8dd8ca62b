"""Structured logs, one JSON object a line (H9), or coloured text on a terminal.

Secrets are not passed to them, and cut out if they are.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from traceback import extract_tb
from typing import Any, Literal

import structlog

LOCK = threading.Lock()
LogFormat = Literal["json", "text"]
_LEAST_LETTERS = 4
_PACKAGE = Path(__file__).parent
_hidden: dict[int, re.Pattern[str]] = {}
"""What lines do not show, by who said so."""


def hide(owner: int, texts: Iterable[str]) -> None:
    """From now on no line shows these texts, instead of those that this owner named before. It is the second wall: what
    is secret is masked before it is logged, this is for what an unforeseen error quotes."""
    wanted = sorted({text for text in texts if len(text) >= _LEAST_LETTERS}, key=len, reverse=True)
    if wanted:
        _hidden[owner] = re.compile("|".join(map(re.escape, wanted)))
    else:
        _hidden.pop(owner, None)


def _without_hidden(_: Any, __: str, line: Any) -> Any:
    if isinstance(line, str):
        for pattern in _hidden.values():
            line = pattern.sub("********", line)
    return line


def get_logger(area: str) -> Any:
    """A logger that names its area; it costs nothing until the first line.

    Whoever embeds us and configures nothing gets our defaults: the library's own print local variables with errors.
    """
    if not structlog.is_configured():
        configure()
    return structlog.get_logger(area=area)


def place(error: BaseException) -> str:
    """The last line of ours that an error went through, ` at lifecycle/start.py:12`; empty if it went through none. Its
    text may quote anything, its place may be told."""
    ours = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_PACKAGE)]
    return f" at {Path(ours[-1].filename).relative_to(_PACKAGE)}:{ours[-1].lineno}" if ours else ""


def configure(*, level: str = "info", style: LogFormat = "json") -> None:
    """Send logs of `level` and above to standard error."""
    if style == "json":
        renderer: Any = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
            _without_hidden,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=StandardError,
        cache_logger_on_first_use=False,
    )


def adopt(*names: str) -> None:
    """Write what libraries log under these names as lines of ours, from warnings on."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_Adopted()], False


class _Adopted(logging.Handler):
    """An error is told by its type and its place: its text and its traceback may quote anything."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        told = {} if error is None else {"error": f"{type(error).__name__}{place(error)}"}
        get_logger(record.name).log(record.levelno, record.getMessage().strip(), **told)


class StandardError:
    """Writes lines to standard error as it is now. A line that cannot be written is dropped: work goes on without."""

    def __init__(self, *_: Any) -> None:
        """Takes and ignores what the library passes."""

    def msg(self, message: str) -> None:
        """Write one line."""
        with contextlib.suppress(OSError, ValueError), LOCK:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg
