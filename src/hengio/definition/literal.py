"""What of a text with templates an author wrote as it is (H6.3)."""

from __future__ import annotations

from collections.abc import Iterator

from hengio.definition import templates
from hengio.definition.syntax import Constant, Either, Expression, Malformed

REFERENCE = "\0"
"""What stands for a template that only names something."""


def literal(text: str) -> str:
    """The text with `REFERENCE` for each template; what a template itself holds as it is (`{{a ?? "b"}}`) stays.

    A text that cannot be read as a template is as it is.
    """
    text = text.replace(REFERENCE, "")
    try:
        parts = templates.compiled(text).parts
    except Malformed:
        return text
    return "".join(part if isinstance(part, str) else _inside(part.expression) for part in parts)


def _inside(expression: Expression) -> str:
    held = "".join(_constants(expression))
    return f"{REFERENCE}{held}{REFERENCE}" if held else REFERENCE


def _constants(expression: Expression) -> Iterator[str]:
    match expression:
        case Constant(value=str(text)):
            yield text
        case Either(operands=operands):
            for each in operands:
                yield from _constants(each)
        case _:
            return
