"""The shape of the sources: short, described, and named after what they hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support import tree
from tests.support.criteria import ROOT

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

# What may be longer, and why.
LONG = {
    "src/hengio/storage/sql/migrations/versions/0001_first_tables.py:upgrade": "one list of tables, read from the top",
    "src/hengio/storage/sql/tables.py": "every table, once, in one place",
    "src/hengio/wiring/embedded.py:embedded": "part after part, in the order they start",
}

SOURCES = [path for path in tree.files() if path.suffix == ".py" and path.parts[0] in {"src", "tests", "benchmarks"}]
PACKAGE = [path for path in SOURCES if path.parts[0] == "src"]


def test_files_and_functions_are_short_or_say_why_not() -> None:
    sizes = [size for path in SOURCES for size in _sizes(path)]
    assert not [(place, lines) for place, lines, most in sizes if lines > most and place not in LONG]
    assert set(LONG) <= {place for place, *_ in sizes}, "an exception for what is no longer there"


def test_every_module_says_what_it_is() -> None:
    assert not [path for path in PACKAGE if _parsed(path).body and not ast.get_docstring(_parsed(path))]


def test_modules_are_named_after_what_they_hold() -> None:
    assert not [path for path in PACKAGE if EMPTY_NAMES & {path.stem, *path.parts}]


def test_only_one_place_makes_consoles() -> None:
    """`present.terminal` shows texts as they are; a console of Rich's own would read `:a:` in them as a picture."""
    makes = {path.name for path in PACKAGE for node in ast.walk(_parsed(path)) if _called(node) == "Console"}
    assert makes == {"present.py"}


def _called(node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
        case _:
            return None


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def _sizes(path: Path) -> Iterator[tuple[str, int, int]]:
    """The file and each of its functions: how many lines it has, and how many it may have."""
    parsed = _parsed(path)
    yield str(path), max((node.end_lineno or 0 for node in parsed.body), default=0), MOST_LINES_OF_A_FILE
    for node in ast.walk(parsed):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{path}:{node.name}", lines, MOST_LINES_OF_A_FUNCTION
