"""What expressions consist of: the tree that `expressions` reads and `evaluation` gives a meaning to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hengio.codec import Json
from hengio.definition import words
from hengio.errors import Refused

Sign = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


class Malformed(Refused):
    """Text that is not an expression or a template. `column` counts characters from 1."""

    code = "malformed_expression"

    def __init__(self, message: str, *, column: int, hint: str = "") -> None:
        super().__init__(f"column {column}: {message}", hint=hint)
        self.column = column


@dataclass(frozen=True, slots=True)
class Reference:
    """A path into a context or a row. `optional`: a `??` follows. `braced`: it stood inside `{{ }}` or `${ }`."""

    path: tuple[str | int, ...]
    column: int = 1
    optional: bool = False
    braced: bool = False

    def __str__(self) -> str:
        return words.dotted(self.path)


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal."""

    value: Json


@dataclass(frozen=True, slots=True)
class Listing:
    """A list whose items may be references."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """`a ?? b ?? c`: the first that is neither missing nor null; the last one as it is."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`not a`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Logic:
    """`a and b and c`, or the same with `or`."""

    word: Literal["and", "or"]
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values and the sign between them."""

    sign: Sign
    left: Expression
    right: Expression


Expression = Reference | Constant | Listing | Either | Negation | Logic | Comparison
