"""Templates in a step's configuration: `{{reference ?? default}}` and `${NAME}` (H3, R13.3).

A string that is exactly one reference becomes its value, type and all. Inside a longer string a value is written for
the place where it stands (`places`). What was inserted is never scanned again. A literal `{{` is written `{{'{{'}}`,
a literal `${` is `{{'${'}}`; a backslash means nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from hengio.codec import Json
from hengio.definition import evaluation, expressions, places, spot, sqltext
from hengio.definition.context import Context
from hengio.definition.evaluation import Missing
from hengio.definition.expressions import (
    Comparison,
    Either,
    Expression,
    Listing,
    Logic,
    Malformed,
    Negation,
    Reference,
)
from hengio.definition.lookup import find, lookup
from hengio.definition.places import Place, Unsafe
from hengio.errors import Refused

__all__ = ["Malformed", "Missing", "Place", "Unsafe", "bind", "holds", "lookup", "references", "resolve"]

_OPENING = re.compile(r"\{\{|\$\{")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]{0,63})\}")
_CACHED_LENGTH = 16_384
_PARAMETER = "hengio_p"


@dataclass(frozen=True, slots=True)
class Insertion:
    """One `{{…}}` or `${…}` (`variable`). In JSON: `quoted`, between quotes; `escaped`, after a backslash."""

    expression: Expression
    column: int
    variable: bool
    quoted: bool
    escaped: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A string read once: literal text and insertions, in order."""

    parts: tuple[str | Insertion, ...]

    @property
    def exact(self) -> Expression | None:
        """The expression, if the string is nothing but one."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only.expression if isinstance(only, Insertion) else None


def resolve(
    value: Json,
    context: Context,
    *,
    place: Place = Place.TEXT,
    raw: bool = False,
    secrets: Collection[str] | None = None,
    field: str = "",
) -> Json:
    """`value` with every template in its strings filled in, through lists and objects; keys stay as they are.

    Strings inside a list or an object stand in no text of their own, so there a JSON body is plain text. With `raw` a
    string that is exactly a step's whole output becomes its encoded JSON (`codec.Raw`), for consumers that only encode.
    `secrets` names the sensitive variables that may be inserted; None means all. Raises `Missing`, `Malformed`,
    `Unsafe`, and `Withheld` for another sensitive variable; the message ends with where in the step's configuration the
    template stands, if `value` is its `field`.
    """
    filler = _Filler(context, secrets=secrets, raw=raw)
    whole = isinstance(value, str)
    if not whole and place is Place.JSON_BODY:
        place = Place.TEXT
    try:
        return filler.string(value, place) if whole else filler.members(value, place)
    except Refused as error:
        where = spot.refused(value, f"config.{field}", lambda text: filler.string(text, place)) if field else ""
        raise spot.placed(error, where) from None


def holds(condition: str, context: Context) -> bool:
    """Whether a step's condition is true. Raises `Malformed`, `Missing` or `Mismatch`."""
    try:
        return evaluation.holds(expressions.condition(condition), _Filler(context).find)
    except Missing as error:
        raise spot.placed(error) from None


def bind(
    sql: str, context: Context, *, secrets: Collection[str] | None = None, field: str = ""
) -> tuple[str, dict[str, Json]]:
    """SQL in which every insertion is a named parameter (`:hengio_p1`), and the parameters' values (H3).

    An insertion never becomes text of the statement. Raises `Malformed` for one inside quotes or a comment, where a
    parameter would be nothing but text, and what `resolve` raises.
    """
    try:
        statement, expressions_in_order = _statement(sql)
        seek = _Filler(context, secrets=secrets).find
        values = [evaluation.evaluate(expression, seek) for expression in expressions_in_order]
    except Refused as error:
        raise spot.placed(error, f"config.{field}" if field else "") from None
    return statement, {f"{_PARAMETER}{number}": value for number, value in enumerate(values, start=1)}


def sql_problems(sql: str) -> Iterator[Malformed]:
    """What is wrong with the insertions of a SQL text, whatever their values. Raises `Malformed` for a bad template."""
    scanner = sqltext.Scanner()
    for part in compiled(sql).parts:
        if isinstance(part, str):
            if f":{_PARAMETER}" in part:
                yield Malformed(f"parameter names that begin with `{_PARAMETER}` are taken", column=1)
            scanner.feed(part)
        elif scanner.inside is not None:
            hint = "it becomes a bound parameter: write it without quotes, joined with `||` where it is part of a text"
            yield Malformed(f"a template inside {scanner.inside} of the SQL", column=part.column, hint=hint)


def references(value: Json) -> list[Reference]:
    """Every reference in the templates of `value`, in order. Raises `Malformed`."""
    match value:
        case str():
            insertions = [part.expression for part in compiled(value).parts if isinstance(part, Insertion)]
            return [each for expression in insertions for each in within(expression)]
        case list() | tuple():
            return [each for item in value for each in references(item)]
        case dict():
            return [each for item in value.values() for each in references(item)]
        case _:
            return []


def within(expression: Expression) -> Iterator[Reference]:
    """The references of one expression, from left to right."""
    match expression:
        case Reference():
            yield expression
        case Either(operands) | Logic(_, operands) | Listing(operands):
            for operand in operands:
                yield from within(operand)
        case Negation(operand):
            yield from within(operand)
        case Comparison(_, left, right):
            yield from within(left)
            yield from within(right)


def is_template(text: str) -> bool:
    """Whether the string asks for anything to be filled in."""
    return _OPENING.search(text) is not None


def has_templates(value: Json) -> bool:
    """Whether any string in `value` asks for anything to be filled in."""
    match value:
        case str():
            return is_template(value)
        case list() | tuple():
            return any(has_templates(item) for item in value)
        case dict():
            return any(has_templates(item) for item in value.values())
        case _:
            return False


def compiled(text: str) -> Template:
    """The string's parts; remembered, unless it is long. Raises `Malformed` with the column in `text`."""
    return _remembered(text) if len(text) <= _CACHED_LENGTH else _read(text)


@lru_cache(maxsize=4_096)
def _remembered(text: str) -> Template:
    return _read(text)


def _read(text: str) -> Template:
    parts: list[str | Insertion] = []
    at, quoted = 0, False
    while opening := _OPENING.search(text, at):
        literal = text[at : opening.start()]
        if literal:
            parts.append(literal)
            quoted ^= places.toggles_quote(literal)
        variable = opening[0] == "${"
        expression, at = (
            _variable(text, opening.start()) if variable else expressions.braced(text, start=opening.start())
        )
        escaped = places.ends_in_escape(literal)
        parts.append(Insertion(expression, opening.start() + 1, variable=variable, quoted=quoted, escaped=escaped))
    if at < len(text):
        parts.append(text[at:])
    return Template(tuple(parts))


def _variable(text: str, start: int) -> tuple[Reference, int]:
    found = _VARIABLE.match(text, start)
    if found is None:
        hint = "write `${NAME}`, or `{{'${'}}` for the text itself"
        raise Malformed("`${` is not followed by a variable's name and `}`", column=start + 1, hint=hint)
    return Reference(("variables", found[1]), start + 1, braced=True), found.end()


@lru_cache(maxsize=1_024)
def _statement(sql: str) -> tuple[str, tuple[Expression, ...]]:
    """The statement with parameter names, and what each parameter is."""
    for problem in sql_problems(sql):
        raise problem
    parts = compiled(sql).parts
    written: list[str] = []
    found: list[Expression] = []
    for part, following in zip(parts, (*parts[1:], ""), strict=False):
        if isinstance(part, str):
            written.append(part)
            continue
        found.append(part.expression)
        before, after = written[-1] if written else "", following if isinstance(following, str) else ""
        written.append(sqltext.parameter(f"{_PARAMETER}{len(found)}", before=before, after=after))
    return "".join(written), tuple(found)


class _Filler:
    """Fills the strings of one value from one context."""

    __slots__ = ("_context", "_raw", "_secrets")

    def __init__(self, context: Context, *, secrets: Collection[str] | None = None, raw: bool = False) -> None:
        self._context = context
        self._secrets = secrets
        self._raw = raw

    def find(self, wanted: Reference) -> Json:
        return find(self._context, wanted.path, secrets=self._secrets)

    def members(self, value: Json, place: Place) -> Json:
        match value:
            case str():
                return self.string(value, place)
            case list() | tuple():
                return [self.members(item, place) for item in value]
            case dict():
                return {key: self.members(item, place) for key, item in value.items()}
            case _:
                return value

    def string(self, text: str, place: Place) -> Json:
        if not is_template(text):
            return text
        template = compiled(text)
        value = self._exact(template.exact) if template.exact is not None else "".join(self._filled(template, place))
        return places.header(value) if place is Place.HEADER else value

    def _filled(self, template: Template, place: Place) -> Iterator[str]:
        query = False
        for part in template.parts:
            if isinstance(part, str):
                query = query or "?" in part or "#" in part
                yield part
            else:
                yield self._written(part, place, query=query)

    def _exact(self, expression: Expression) -> Json:
        if self._raw and isinstance(expression, Reference):
            return find(self._context, expression.path, secrets=self._secrets, raw=True)
        return evaluation.evaluate(expression, self.find)

    def _written(self, part: Insertion, place: Place, *, query: bool) -> str:
        value = evaluation.evaluate(part.expression, self.find)
        match place:
            case Place.TEXT | Place.HEADER:
                return places.text(value)
            case Place.URL:
                return places.text(value) if part.variable else places.in_url(value, query=query)
            case Place.FORM:
                return places.in_url(value, query=True)
            case Place.JSON_BODY:
                if part.escaped:
                    raise Unsafe(f"column {part.column}: a backslash right before a template in a JSON body")
                return places.in_json(value, quoted=part.quoted)
