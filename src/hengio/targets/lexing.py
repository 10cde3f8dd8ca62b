"""What stands where in a SQL text, by the lexical rules of its dialect: texts, quoted names, comments, code.

A wrong guess can only make a parameter miss. Of MySQL's comments those that it runs (`/*! … */`) are code here.
"""

from __future__ import annotations

import re
from typing import Literal

Dialect = Literal["sqlite", "postgres", "mysql", "oracle"]

_GENERAL = r"""
    (?P<text> (?<![\w$]) [eE] '(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*'
      | \$(?P<tag>[A-Za-z_]\w*)?\$ .*? \$(?(tag)(?P=tag))\$ )
    | (?P<quoted> "(?:[^"]|"")*" | `[^`]*` )
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
"""
_MYSQL = r"""
    (?P<text> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
    | (?P<quoted> `(?:[^`]|``)*` )
    | (?P<comment> --(?=[\x00-\x20\x7f]|$)[^\n]* | \#[^\n]* | /\*(?!M?!).*?\*/ )
"""
_ORACLE = r"""
    (?P<text> (?<![\w$#]) [nN]?[qQ]' (?: \[.*?\]' | \{.*?\}' | \(.*?\)' | <.*?>' | (?P<mark_>[^\s\[{(<]).*?(?P=mark_)' )
      | '(?:[^']|'')*' )
    | (?P<quoted> "[^"]*" )
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
"""
_PARAMETER = r"""
    | (?<![:\w$]) : (?P<name>[A-Za-z_]\w*) (?!\w|:(?!:))
    | (?P<mark>\?)
    | (?<![\w$]) \$ (?P<number>[1-9]\d{0,4}) (?!\w)
"""
_LEXICON: dict[Dialect, str] = {"sqlite": _GENERAL, "postgres": _GENERAL, "mysql": _MYSQL, "oracle": _ORACLE}
TOKENS = {dialect: re.compile(words + _PARAMETER, re.VERBOSE | re.DOTALL) for dialect, words in _LEXICON.items()}
"""Of each dialect: what is not code (`text`, `quoted`, `comment`), and parameters (`name`, `mark`, `number`)."""

_WORD = re.compile(r"\w+|\S")
_QUERIES: dict[Dialect, frozenset[str]] = {
    "sqlite": frozenset({"SELECT", "WITH", "VALUES", "EXPLAIN", "PRAGMA"}),
    "postgres": frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW"}),
    "mysql": frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW", "DESCRIBE", "DESC"}),
    "oracle": frozenset({"SELECT", "WITH"}),
}
_CHANGES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|INTO|ANALY[SZ]E|FOR\s+SHARE)\b|/\*", re.IGNORECASE)


def queries(dialect: Dialect) -> frozenset[str]:
    """The first words, in capitals, of what only reads."""
    return _QUERIES[dialect]


def code(query: str, dialect: Dialect) -> str:
    """The statement with `''` for every text and a space for every comment; quoted names stay."""

    def left(found: re.Match[str]) -> str:
        return " " if found["comment"] is not None else "''" if found["text"] is not None else found[0]

    return TOKENS[dialect].sub(left, query)


def keyword(query: str, dialect: Dialect = "postgres") -> str:
    """The statement's first word in capitals, after spaces, comments and opening brackets."""
    tokens, at = TOKENS[dialect], 0
    while at < len(query):
        if query[at].isspace() or query[at] == "(":
            at += 1
        elif (found := tokens.match(query, at)) is not None and found["comment"] is not None:
            at = found.end()
        else:
            break
    word = _WORD.match(query, at)
    return word[0].upper() if word else ""


def only_reads(query: str, dialect: Dialect) -> bool:
    """Whether the statement is a query by its words alone. In doubt, as for a column named `update`, it is not."""
    return keyword(query, dialect) in _QUERIES[dialect] and not _CHANGES.search(code(query, dialect))


def position(text: str, offset: int) -> str:
    """Where in a statement something is wrong: its line from 1 and the word at `offset` (characters from 0)."""
    word = _WORD.match(text, offset)
    near = f", near `{word[0][:40]}`" if word else ""
    return f"line {text.count(chr(10), 0, offset) + 1}{near}"
