"""From a text to an `Expression` (H1.1).

Quartz has six fields or seven, `second minute hour day-of-month month day-of-week [year]`; Unix has five, `minute hour
day-of-month month day-of-week`. Capitals do not matter. Of each field:

- second, minute: 0 to 59. hour: 0 to 23. month: 1 to 12 or JAN to DEC. year: 1970 to 2199.
- day-of-month: 1 to 31. In Quartz also `L`, `L-n`, `nW`, `LW`, `L-nW` and `?`.
- day-of-week: in Quartz 1 (Sunday) to 7 (Saturday), `L` (Saturday), `nL`, `n#k` and `?`; in Unix 0 to 7, where both 0
  and 7 are Sunday. Or SUN to SAT.
- everywhere: `*`, lists `a,b`, ranges `a-b` (past the end, too: `22-2`), steps `*/n`, `/n`, `a/n`, `a-b/n`.

Quartz lets one of the two day fields restrict the days, and the other is `?` or `*`. Unix takes days that either means,
or, if one of them begins with `*`, days that both mean (Vixie's and Debian's cron).
"""

from __future__ import annotations

import re
from functools import lru_cache

from hengio.cron import days, fields
from hengio.cron.errors import CronError
from hengio.cron.expression import Expression
from hengio.cron.fields import Field, Part, numbers

MOST_CHARACTERS = 2_000
_QUARTZ = (fields.SECOND, fields.MINUTE, fields.HOUR, fields.DAY_OF_MONTH, fields.MONTH, fields.QUARTZ_WEEKDAY)
_UNIX = (fields.MINUTE, fields.HOUR, fields.DAY_OF_MONTH, fields.MONTH, fields.UNIX_WEEKDAY)
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_WORD = re.compile(r"\S+")
_OPEN = ("*", "?")
_WILD = ("*", "/")
_SIGNS = ("L", "W", "LW")
_NAME = re.compile("[A-Z]+")
_DOUBTFUL = re.compile("[?#LW]")
_LAYOUT = "`sec min hour day-of-month month day-of-week [year]`, or the five fields of Unix"


@lru_cache(maxsize=4_096)
def parse(text: str) -> Expression:
    """The expression that a text of at most 2 000 characters means. Raises `CronError`."""
    if len(text) > MOST_CHARACTERS:
        raise CronError(f"a cron expression has at most {MOST_CHARACTERS} characters; this has {len(text)}", _LAYOUT)
    words = [(found[0].upper(), found.start() + 1) for found in _WORD.finditer(_ascii(text))]
    match len(words):
        case 1 if words[0][0].startswith("@"):
            return _unix(text, _parts(_UNIX, _macro(*words[0])))
        case 5:
            return _unix(text, _parts(_UNIX, words))
        case 6:
            return _quartz(text, _parts(_QUARTZ, words))
        case 7:
            return _quartz(text, _parts((*_QUARTZ, fields.YEAR), words))
        case count:
            raise CronError(f"a cron expression has 6 or 7 fields, or the 5 of Unix; this has {count}", _LAYOUT)


def _ascii(text: str) -> str:
    """The text if no letter or digit in it is foreign to cron; capitals of such could have another length."""
    if text.isascii():
        return text
    foreign = next(place for place, letter in enumerate(text) if not letter.isascii())
    message = f"{text[foreign]!a} at column {foreign + 1} does not belong to a cron expression"
    raise CronError(message, "digits, the letters A to Z, and * ? , - / L W #", column=foreign + 1)


def _macro(word: str, column: int) -> list[tuple[str, int]]:
    """The fields of a macro; each stands where the macro does."""
    name = word.lower()
    if name == "@reboot":
        raise CronError("`@reboot` is no time", "start the job by hand, or with a webhook, when the machine is up")
    if name not in _MACROS:
        from difflib import get_close_matches

        near = get_close_matches(name[:20], _MACROS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(_MACROS)}"
        raise CronError(f"`{name[:20]}` is no cron expression", hint, column=column)
    return [(field, column) for field in _MACROS[name].split()]


def _parts(kinds: tuple[Field, ...], words: list[tuple[str, int]]) -> list[Part]:
    return [Part(kind, text, column) for kind, (text, column) in zip(kinds, words, strict=True)]


def _quartz(text: str, parts: list[Part]) -> Expression:
    second, minute, hour, of_month, month, of_week = parts[:6]
    for part in (second, minute, hour, month, *parts[6:]):
        _refuse_signs(part, "is for days only")
    return Expression(
        text,
        "quartz",
        is_wildcard=minute.text.startswith(_WILD) or hour.text.startswith(_WILD),
        seconds=numbers(second),
        minutes=numbers(minute),
        hours=numbers(hour),
        months=numbers(month),
        years=_years(parts[6:]),
        rule=_quartz_days(of_month, of_week),
    )


def _years(parts: list[Part]) -> tuple[int, ...] | None:
    return None if not parts or parts[0].text == "*" else numbers(parts[0])


def _quartz_days(of_month: Part, of_week: Part) -> days.Days:
    """One of the two restricts the days, or none. `?` says that it is the other one."""
    _check_pair(of_month, of_week)
    if of_week.text not in _OPEN:
        return days.of_week(of_week)
    return days.every if of_month.text in _OPEN else days.of_month(of_month)


def _check_pair(of_month: Part, of_week: Part) -> None:
    message = hint = ""
    for part in (of_month, of_week):
        if "?" in part.text and part.text != "?":
            part.refuse("mixes `?` with something", "`?` stands alone and means: see the other day field")
    if of_month.text == of_week.text == "?":
        message = "`?` in both day fields says nothing of the day"
        hint = "write `*` in one of them for every day"
    elif of_month.text not in _OPEN and of_week.text not in _OPEN:
        message = "day-of-month and day-of-week are both restricted, which Quartz does not take"
        hint = "write `?` in the one that is not meant; the five fields of Unix take days that either means"
    if message:
        raise CronError(message, hint, field=of_week.field.name, column=of_week.column)


def _unix(text: str, parts: list[Part]) -> Expression:
    minute, hour, of_month, month, of_week = parts
    for part in parts:
        _refuse_signs(part, "is no Unix cron", "`? L W #` belong to Quartz's six fields: put a second in front")
    return Expression(
        text,
        "unix",
        is_wildcard=minute.text.startswith(_WILD) or hour.text.startswith(_WILD),
        seconds=(0,),
        minutes=numbers(minute),
        hours=numbers(hour),
        months=numbers(month),
        years=None,
        rule=_unix_days(of_month, of_week),
    )


def _unix_days(of_month: Part, of_week: Part) -> days.Days:
    by_month = days.on(numbers(of_month))
    by_week = days.on_weekdays({each % 7 for each in numbers(of_week)})
    if of_month.text.startswith(_WILD) or of_week.text.startswith(_WILD):
        return days.both(by_month, by_week)
    return days.either(by_month, by_week)


def _refuse_signs(part: Part, why: str, hint: str = "") -> None:
    """Refuse `?`, `#`, `L` and `W`, the last two unless they are letters of a name."""
    if not _DOUBTFUL.search(part.text):
        return
    for entry in part.entries():
        words = _NAME.findall(entry.text)
        if "?" in entry.text or "#" in entry.text or any(_is_sign(word, part.field) for word in words):
            entry.refuse(why, hint)


def _is_sign(word: str, field: Field) -> bool:
    """Whether letters are `L`, `W` or `LW`, or a name with an `L` behind it."""
    return word in _SIGNS or (word[-1] == "L" and word[:-1] in field.names)
