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
_INSERTED = re.compile(r"\{\{[^{}]*\}\}|\$\{\w[\w-]*\}")
_BEFORE_VALUES = (
    "ALL|AND|ANY|BETWEEN|BY|CASE|DISTINCT|ELSE|ESCAPE|FROM|HAVING|ILIKE|IN|IS|LIKE|LIMIT|NOT|OFFSET|ON|OR|RETURNING"
    "|SELECT|SET|THEN|VALUES|WHEN|WHERE"
)
_PLACE = re.compile(rf"(?:^|[(\[,;=<>+*/%|-]|\b(?:{_BEFORE_VALUES})\b)\s*\?(?![?|&#-])", re.IGNORECASE)


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


def asks_by_place(sql: str) -> bool:
    """Whether a `?` stands where only a value can. Operators of that name (PostgreSQL's `data ? 'key'`) follow one."""
    return _PLACE.search(_code(_INSERTED.sub(" x ", sql))) is not None


def _code(sql: str) -> str:
    """The statement with a name for everything in quotes, and a space for every comment."""
    kept, at = [], 0
    while (opening := _OPENING.search(sql, at)) is not None:
        comment = _NAMES.get(opening[0]) == "a comment"
        kept += [sql[at : opening.start()], " " if comment else " x "]
        closing = _CLOSING.get(opening[0], opening[0])
        end = sql.find(closing, opening.end())
        if end < 0:
            return "".join(kept)
        at = end + len(closing)
    return "".join((*kept, sql[at:]))
