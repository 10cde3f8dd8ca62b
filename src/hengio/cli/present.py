"""How the command line speaks: JSON for programs, Rich for people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.markup import escape as _escape
from rich.text import Text

from hengio.definition.words import plain, plain_json
from hengio.errors import HengioError

__all__ = [
    "assembled",
    "document",
    "escape",
    "plain",
    "print_json",
    "said",
    "show_error",
    "show_problems",
    "terminal",
]


def terminal(*, beside: bool = False, quiet: bool = False) -> Console:
    """Where lines for people go: standard output, or standard error for what stands `beside` an answer.

    Texts are shown as they are: no `:word:` in them becomes a picture, and no number a colour.
    """
    return Console(stderr=beside, quiet=quiet, highlight=False, emoji=False)


def print_json(value: Any) -> None:
    """One indented JSON document on standard output."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()


def escape(text: str) -> str:
    """A text that others chose, for a line with markup: it neither marks anything up nor reaches the terminal."""
    return _escape(plain(text))


def said(text: str, style: str = "") -> Text:
    """A text that others chose, in one line and in a style."""
    return Text(plain(text), style=style)


def assembled(*parts: str | Text | tuple[str, str]) -> Text:
    """A line of parts, each alone or with its style, in which nothing but the styles reaches the terminal."""
    return Text.assemble(*(_shown(part) for part in parts))


def _shown(part: str | Text | tuple[str, str]) -> str | Text | tuple[str, str]:
    match part:
        case str():
            return plain(part)
        case (text, style):
            return plain(text), style
        case _:
            return part


def document(encoded: bytes) -> Text:
    """A JSON document for people, indented and coloured, in which nothing but the colours reaches the terminal."""
    return JSONHighlighter()(plain_json(msgspec.json.format(encoded, indent=2).decode()))


def show_error(error: HengioError, *, as_json: bool) -> None:
    """What went wrong, where and what to do, on standard error; as JSON also `{"error": …}` on standard output."""
    if as_json:
        problems = [{"path": one.path, "message": one.message, "hint": one.hint} for one in error.problems]
        told = {"code": error.code, "message": error.message, "hint": error.hint, "problems": problems}
        print_json({"error": told})
    console = terminal(beside=True)
    console.print(assembled(("error: ", "bold red"), error.message), soft_wrap=True)
    for problem in error.problems:
        console.print(f"  [cyan]{escape(problem.path)}[/] {escape(problem.message)}", soft_wrap=True)
        if problem.hint:
            console.print(f"    [dim]{escape(problem.hint)}[/]", soft_wrap=True)
    if error.hint:
        console.print(f"  [dim]{escape(error.hint)}[/]", soft_wrap=True)


def show_problems(file: Path, answer: dict[str, Any]) -> None:
    """The verdict on a definition."""
    console = terminal()
    for word, style in (("errors", "red"), ("warnings", "yellow")):
        for problem in answer[word]:
            line = assembled((f"{word[:-1]} ", f"bold {style}"), (problem["path"], "cyan"), f" {problem['message']}")
            console.print(line, soft_wrap=True)
            if problem["hint"]:
                console.print(f"    [dim]{escape(problem['hint'])}[/]", soft_wrap=True)
    verdict = "[bold green]valid[/]" if answer["valid"] else "[bold red]not valid[/]"
    console.print(f"{escape(str(file))}: {verdict}")
