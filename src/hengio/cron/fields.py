"""The fields of an expression: which numbers and names each takes, and how a list of them is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, NoReturn

from hengio.cron.errors import CronError

MONTHS = MappingProxyType(
    {name: n for n, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
)
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIRST_YEAR, LAST_YEAR = 1970, 2199
_MOST_DIGITS = 4
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Field:
    """A field's name, its numbers from `low` to `high`, and names for some of them.

    `*` ends at `every`, which is less than `high` where two numbers mean the same. A range may `wrap` past the end.
    """

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    every: int = -1
    wraps: bool = True

    @property
    def last(self) -> int:
        return self.high if self.every < 0 else self.every

    @property
    def allowed(self) -> str:
        """What the field takes, in words."""
        words = f"{self.low} to {self.high}"
        if self.names:
            names = list(self.names)
            words += f", or {names[0]} to {names[-1]}"
        return words


SECOND = Field("second", 0, 59)
MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY_OF_MONTH = Field("day-of-month", 1, 31)
MONTH = Field("month", 1, 12, MONTHS)
QUARTZ_WEEKDAY = Field("day-of-week", 1, 7, {name: n for n, name in enumerate(WEEKDAYS, 1)})
UNIX_WEEKDAY = Field("day-of-week", 0, 7, {name: n for n, name in enumerate(WEEKDAYS)}, every=6)
YEAR = Field("year", FIRST_YEAR, LAST_YEAR, wraps=False)


class Part(NamedTuple):
    """A piece of an expression in capitals: a whole field, or one entry of its list. `column` counts from 1."""

    field: Field
    text: str
    column: int

    def entries(self) -> Iterator[Part]:
        """What stands between the commas."""
        column = self.column
        for text in self.text.split(","):
            yield Part(self.field, text, column)
            column += len(text) + 1

    def refuse(self, why: str, hint: str = "", *, text: str | None = None) -> NoReturn:
        """Raise the error that this part, or the `text` in it, is wrong. `why` continues a sentence about it."""
        wrong = self.text if text is None else text
        column = self.column + max(self.text.find(wrong), 0)
        cut = wrong if len(wrong) <= _SHOWN else wrong[:_SHOWN] + "…"
        name = self.field.name
        message = f"{f'`{cut}`' if wrong else 'an empty entry'} in the {name} field (column {column}) {why}"
        raise CronError(message, hint or f"it takes {self.field.allowed}", field=name, column=column)


def numbers(part: Part) -> tuple[int, ...]:
    """All numbers of a field without special characters, ascending. Raises `CronError`."""
    if part.text.isdigit():
        return (number(part, part.text),)
    return tuple(sorted({each for entry in part.entries() for each in _entry(entry)}))


def _entry(part: Part) -> Iterable[int]:
    """The numbers of `*`, `*/n`, `/n`, `a`, `a/n`, `a-b` or `a-b/n`."""
    span, slash, given = part.text.partition("/")
    step = _step(part, given) if slash else 1
    field = part.field
    if span == "*" or (slash and not span):
        return range(field.low, field.last + 1, step)
    first, dash, last = span.partition("-")
    low = number(part, first)
    if dash:
        return _range(part, low, number(part, last), step)
    return range(low, max(field.last, low) + 1, step) if slash else (low,)


def _range(part: Part, low: int, high: int, step: int) -> Iterable[int]:
    """From `low` to `high`, past the end of the field if `high` is the smaller one: `22-2`, `FRI-MON`."""
    if low <= high:
        return range(low, high + 1, step)
    field = part.field
    if not field.wraps:
        part.refuse("ends before it begins", "write the smaller number first")
    size = field.last - field.low + 1
    return [(each - field.low) % size + field.low for each in range(low, high + size + 1, step)]


def _step(part: Part, text: str) -> int:
    """The number behind the `/`. One that steps over all of the field is a mistake, as in Quartz."""
    most = part.field.high
    if not text.isdigit() or len(text) > _MOST_DIGITS or not 1 <= int(text) <= most:
        part.refuse("is no step", f"write a number from 1 to {most} behind the `/`", text=f"/{text}")
    return int(text)


def number(part: Part, text: str) -> int:
    """A number or name of the part's field. Raises `CronError`."""
    field = part.field
    if text.isdigit():
        if len(text) > _MOST_DIGITS or not field.low <= int(text) <= field.high:
            part.refuse(f"is not from {field.low} to {field.high}", text=text)
        return int(text)
    found = field.names.get(text)
    if found is None:
        _refuse_name(part, text)
    return found


def _refuse_name(part: Part, text: str) -> NoReturn:
    from difflib import get_close_matches

    field = part.field
    near = get_close_matches(text[:_SHOWN], field.names, n=1)
    hint = f"did you mean `{near[0]}`? it takes {field.allowed}" if near else ""
    if not text.isalpha():
        part.refuse("cannot be read", hint, text=text)
    part.refuse(f"is no {field.name}" if field.names else "is no number", hint, text=text)
