"""Whether a cron expression fires at a time on the wall, decided field by field and slowly, for comparison.

It shares nothing with `hengio.cron`: each entry of a field is asked whether it takes the value at hand.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEK = "SUN MON TUE WED THU FRI SAT".split()


def fires(expression: str, wall: datetime) -> bool:
    """Of an expression that is known to be right."""
    fields = expression.upper().split()
    if len(fields) == 5:
        return wall.second == 0 and _unix(fields, wall)
    second, minute, hour, of_month, month, of_week, *year = fields
    return (
        _takes(second, wall.second, 0, 59)
        and _takes(minute, wall.minute, 0, 59)
        and _takes(hour, wall.hour, 0, 23)
        and _takes(month, wall.month, 1, 12, MONTHS)
        and (not year or _takes(year[0], wall.year, 1970, 2199))
        and (of_month in {"*", "?"} or any(_on_day(entry, wall.date()) for entry in of_month.split(",")))
        and (of_week in {"*", "?"} or any(_on_weekday(entry, wall.date()) for entry in of_week.split(",")))
    )


def _unix(fields: list[str], wall: datetime) -> bool:
    minute, hour, of_month, month, of_week = fields
    weekday = wall.isoweekday() % 7
    on_day = _takes(of_month, wall.day, 1, 31)
    on_weekday = any(_takes(of_week, each, 0, 7, WEEK) for each in ({0, 7} if weekday == 0 else {weekday}))
    joint = all if of_month[0] in "*/" or of_week[0] in "*/" else any
    clock = _takes(minute, wall.minute, 0, 59) and _takes(hour, wall.hour, 0, 23)
    return clock and _takes(month, wall.month, 1, 12, MONTHS) and joint((on_day, on_weekday))


def _takes(field: str, value: int, low: int, high: int, names: list[str] | None = None) -> bool:
    return any(_entry_takes(entry, value, low, high, names) for entry in field.split(","))


def _entry_takes(entry: str, value: int, low: int, high: int, names: list[str] | None) -> bool:
    span, _, step = entry.partition("/")
    first, dash, last = span.partition("-")
    if span in {"*", ""}:
        begin, end = low, high
    else:
        begin = _value(first, low, names)
        end = _value(last, low, names) if dash else high if step else begin
    size = 7 if names is WEEK else high - low + 1
    gone = value - begin if begin <= end else (value - begin) % size
    reach = end - begin if begin <= end else (end - begin) % size
    return 0 <= gone <= reach and gone % int(step or 1) == 0


def _value(text: str, low: int, names: list[str] | None) -> int:
    return low + names.index(text) if names and text in names else int(text)


def _on_day(entry: str, day: date) -> bool:
    length = monthrange(day.year, day.month)[1]
    if entry[0] == "L":
        number = length - int(entry[1:].strip("-W") or 0)
    elif entry[-1] == "W":
        number = int(entry[:-1])
    else:
        return _takes(entry, day.day, 1, 31)
    if not 1 <= number <= length:
        return False
    meant = day.replace(day=number)
    return day == (_nearest(meant) if entry[-1] == "W" else meant)


def _nearest(meant: date) -> date:
    """Of the days of the month from Monday to Friday the closest, found by looking around."""
    around = (meant + timedelta(days=each) for each in (0, -1, 1, -2, 2))
    return next(each for each in around if each.month == meant.month and each.isoweekday() <= 5)


def _on_weekday(entry: str, day: date) -> bool:
    weekday = day.isoweekday() % 7 + 1
    if entry == "L":
        return weekday == 7
    if "#" in entry:
        name, count = entry.split("#")
        return weekday == _value(name, 1, WEEK) and (day.day + 6) // 7 == int(count)
    if entry[-1] == "L":
        return weekday == _value(entry[:-1], 1, WEEK) and (day + timedelta(days=7)).month != day.month
    return _takes(entry, weekday, 1, 7, WEEK)
