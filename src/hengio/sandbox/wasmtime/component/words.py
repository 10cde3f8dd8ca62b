"""Types of the component model in the words of WIT, for people and for comparing with what is offered."""

from __future__ import annotations

from wasmtime.component import (
    EnumType,
    FuncType,
    ListType,
    OptionType,
    ResultType,
    TupleType,
    ValType,
)

_DEEPEST = 6
"""Levels of a type that are spelled out: nothing that is offered is deeper, and a hostile type may be endless."""
_MOST_NAMES = 20


def function(type_: FuncType, *, named: bool = True) -> str:
    """Such as `func(path: string) -> result<string, string>`; its parameters' names may be left out."""
    parameters = ", ".join(f"{name}: {value(kind)}" if named else value(kind) for name, kind in type_.params)
    result = type_.result
    return f"func({parameters})" + ("" if result is None else f" -> {value(result)}")


def value(kind: ValType | None, depth: int = 0) -> str:
    """Such as `list<u8>`; `…` where it is too deep or of no interest."""
    if kind is None:
        return "_"
    if depth > _DEEPEST:
        return "…"
    name, inside = _parts(kind)
    return name if inside is None else f"{name}<{', '.join(value(part, depth + 1) for part in inside)}>"


def _parts(kind: ValType) -> tuple[str, list[ValType | None] | None]:
    """The word for a type, and what stands in its angle brackets."""
    match kind:
        case ListType():
            return "list", [kind.element]
        case OptionType():
            return "option", [kind.payload]
        case TupleType():
            return "tuple", [*kind.elements[:_MOST_NAMES]]
        case ResultType():
            parts = [kind.ok, kind.err] if kind.err is not None else [kind.ok]
            return "result", None if parts == [None] else parts
        case EnumType():
            return f"enum {{ {', '.join(kind.names[:_MOST_NAMES])} }}", None
    return type(kind).__name__.removesuffix("Type").lower(), None
