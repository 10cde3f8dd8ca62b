"""Just enough of SQL's lexical rules to know whether a place in a statement is code, a quoted text or a comment.

A wrong guess (dialects differ in backslashes) can refuse a template or leave a parameter's name in a text; it can never
put a value into a statement.
"""

from __future__ import annotations

import re

_OPENING = re.compile(r"'|\"|`|--|/\*|\$(?:[A-Za-z_]\w*)?\$")
_CLOSING = {"'": "'", '"': '"', "`": "`", "--": "\n", "/*": "*/"}
_NAMES = {"'": "quotes", '"': "quotes", "`": "quotes", "--": "a comment", "/*": "a comment"}
_JOINS = re.compile(r"[:\w\\]")


class Scanner:
    """Reads a statement piece by piece. A doubled quote closes and opens again, which comes to the same."""

    def __init__(self) -> None:
        self._opened: str | None = None

    @property
    def inside(self) -> str | None:
        """What the next character would stand in: `quotes`, `a comment`, or None for code."""
        return _NAMES.get(self._opened, "quotes") if self._opened is not None else None

    def feed(self, text: str) -> None:
        """Read one piece further."""
        at = 0
        while at < len(text):
            if self._opened is None:
                opening = _OPENING.search(text, at)
                if opening is None:
                    return
                self._opened, at = opening[0], opening.end()
            closing = _CLOSING.get(self._opened, self._opened)
            end = text.find(closing, at)
            if end < 0:
                return
            self._opened, at = None, end + len(closing)


def parameter(name: str, *, before: str, after: str) -> str:
    """`:name`, kept apart from neighbours that would be read as part of it (`::text`, a word, another parameter)."""
    left = " " if _JOINS.search(before[-1:]) else ""
    right = " " if _JOINS.search(after[:1]) else ""
    return f"{left}:{name}{right}"
