"""What is done to rows between file and step: rename columns, convert types, keep what matches (H4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hengio.codec import Json
from hengio.definition import evaluation, expressions, lookup, words
from hengio.definition.configs import Notation, Transformations
from hengio.definition.evaluation import Missing
from hengio.definition.syntax import Comparison, Expression, Listing, Logic, Negation, Reference
from hengio.errors import Refused
from hengio.steps.tables.conversion import ARTICLES, Convert, converter, hint
from hengio.steps.tables.place import Row, Table, malformed

_ISO = Notation()


def changed(table: Table, asked: Transformations, notation: Notation = _ISO) -> Table:
    """The table with the transformations applied as its rows are read. Raises `Malformed` at the row that fails.

    `notation` says how texts write numbers and dates.
    """
    columns = _renamed(table.columns, asked.column_mapping)
    unknown = next((name for name in asked.type_conversion if name not in columns), None)
    if unknown is not None:
        raise Refused(f"type_conversion names the column `{unknown}`", hint=words.nearest(unknown, columns))
    keep = None if asked.filter is None else expressions.condition(asked.filter)
    _check_filter(keep, columns)
    converters = [(name, kind, converter(kind, notation)) for name, kind in asked.type_conversion.items()]
    names = list(zip(table.columns, columns, strict=True)) if asked.column_mapping else None
    return Table(table.sheet, columns, _rows(table, names, converters, keep))


def _renamed(columns: tuple[str, ...], mapping: dict[str, str]) -> tuple[str, ...]:
    unknown = next((name for name in mapping if name not in columns), None)
    if unknown is not None:
        raise Refused(f"column_mapping names the column `{unknown}`", hint=words.nearest(unknown, columns))
    renamed = tuple(mapping.get(name, name) for name in columns)
    twice = next((name for place, name in enumerate(renamed) if name in renamed[:place]), None)
    if twice is not None:
        raise Refused(f"column_mapping gives two columns the name `{twice}`")
    return renamed


def _check_filter(keep: Expression | None, columns: tuple[str, ...]) -> None:
    """A file without rows has the columns that the filter looks at in each, too."""
    for wanted in _always(keep):
        first, *rest = wanted.path
        name = rest[0] if first == "row" and rest and "row" not in columns else first
        if name not in columns:
            raise Refused(f"filter: there is no column `{wanted}`", hint=words.nearest(str(name), columns))


def _always(expression: Expression | None) -> Iterator[Reference]:
    """What is looked up whatever the rest of it yields: not what stands by `??`, or behind an `and` or an `or`."""
    match expression:
        case Reference():
            yield expression
        case Comparison(left=left, right=right):
            yield from _always(left)
            yield from _always(right)
        case Negation(operand=operand):
            yield from _always(operand)
        case Logic(operands=(first, *_)):
            yield from _always(first)
        case Listing(items=items):
            for item in items:
                yield from _always(item)
        case _:
            return


def _rows(
    table: Table,
    names: list[tuple[str, str]] | None,
    converters: Sequence[tuple[str, str, Convert]],
    keep: Expression | None,
) -> Iterator[tuple[int, Row]]:
    for number, given in table.rows:
        row = {new: given[old] for old, new in names if old in given} if names else given
        for name, kind, convert in converters:
            value = row.get(name)
            if value is None:
                row[name] = None
                continue
            try:
                row[name] = convert(value)
            except ValueError as error:
                message = f"{words.kind(value)} that is not {ARTICLES[kind]}"
                raise malformed(message, sheet=table.sheet, row=number, column=name, hint=hint(kind, value)) from error
        if keep is None or _matches(keep, row, table.sheet, number):
            yield number, row


def _matches(keep: Expression, row: Row, sheet: str, number: int) -> bool:
    try:
        return evaluation.holds(keep, lambda wanted: _value(row, wanted))
    except Refused as error:
        raise malformed(f"filter: {error.message}", sheet=sheet, row=number) from error


def _value(row: Row, wanted: Reference) -> Json:
    """The value of a column, or inside it. A name that is no word is reached as `row["unit price"]`."""
    if len(wanted.path) == 1 and wanted.path[0] in row:
        return row[str(wanted.path[0])]
    path = wanted.path[1:] if len(wanted.path) > 1 and wanted.path[0] == "row" and "row" not in row else wanted.path
    found, value = lookup.inside(row, path)
    if not found:
        raise Missing(f"there is no column `{wanted}`", hint=words.nearest(str(path[0]), row))
    return value
