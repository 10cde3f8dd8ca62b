"""Public holidays and weekends of a country, from the `holidays` library, which is loaded when it is first asked.

Names are in the country's own language. The library knows the years that it lists for a country, at most to 2100, and
of moving feasts sometimes fewer; of other years nothing is known, and they have weekends only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple
from warnings import catch_warnings, simplefilter

_EPOCH = date(1970, 1, 1).toordinal()
_WEEKEND = frozenset({5, 6})


class Year(NamedTuple):
    """Days are counted from 1970-01-01. `rest` is the days of weekends on which nobody works.

    `known` says whether the library knows all holidays of that year.
    """

    holidays: Mapping[int, str]
    rest: frozenset[int]
    known: bool = True


class UnknownCountry(ValueError):
    """There is no such country, or part of it, in the library. `near` is what was probably meant, the nearest first."""

    def __init__(self, code: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(f"no holidays are known of `{code}`")
        self.near = near


def check(code: str) -> None:
    """Raises `UnknownCountry` unless `code` is a country such as `VN`, or a part of one such as `DE-BY`."""
    known = _countries()
    country, _, part = code.partition("-")
    if country not in known:
        raise UnknownCountry(code, _near(code))
    if part and part not in known[country]:
        raise UnknownCountry(code, tuple(f"{country}-{each}" for each in _alike(part.upper(), known[country])))


def years(code: str) -> range:
    """The years whose holidays the library knows. Raises `UnknownCountry`."""
    check(code)
    import holidays

    kind = getattr(holidays, code[:2])
    return range(kind.start_year, kind.end_year + 1)


def holiday(code: str, day: int) -> str:
    """The name of the public holiday on a day; empty if there is none. Raises `UnknownCountry`."""
    return year(code, date.fromordinal(day + _EPOCH).year).holidays.get(day, "")


@lru_cache(maxsize=512)
def year(code: str, number: int) -> Year:
    """The holidays and weekends of a country in a year. Raises `UnknownCountry`."""
    import holidays

    known = number in years(code)
    country, _, part = code.partition("-")
    kind = getattr(holidays, country)
    with catch_warnings(record=True) as warned:  # of moving feasts that it does not know
        simplefilter("always")
        days = kind(years=[number] if known else [], subdiv=part or None, language=kind.default_language, expand=False)
    first = date(number, 1, 1)
    weekends = {day for each in range(366) if days.is_weekend(day := first + timedelta(days=each))}
    named = {_number(day): name for day, name in days.items() if day not in days.weekend_workdays}
    rest = frozenset(map(_number, weekends - days.weekend_workdays))
    return Year(named, rest, known and not warned)


def _number(day: date) -> int:
    return day.toordinal() - _EPOCH


def weekend(day: int) -> bool:
    """Whether a day is a Saturday or Sunday, which is the weekend where no country is named."""
    return (day + 3) % 7 in _WEEKEND


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, tuple[str, ...]]:
    """Countries by their two letters, with their parts."""
    import holidays

    listed = holidays.list_supported_countries(include_aliases=True)
    return {code: tuple(parts) for code, parts in listed.items() if len(code) == 2}


def _near(code: str) -> tuple[str, ...]:
    """What was probably meant: the country of a name or of three letters, else codes that look alike."""
    from holidays.registry import COUNTRIES

    names = {name.replace("_", ""): codes[1] for name, codes in COUNTRIES.items()}
    names |= {each.lower(): codes[1] for codes in COUNTRIES.values() for each in codes[1:]}
    wanted = "".join(filter(str.isalpha, code)).lower()[:40]
    if wanted in names:
        return (names[wanted],)
    if len(wanted) > 3:
        return tuple(names[each] for each in _alike(wanted, names)[:1])
    return _alike(code[:2].upper(), _countries())


def _alike(text: str, known: Mapping[str, object] | tuple[str, ...]) -> tuple[str, ...]:
    from difflib import get_close_matches

    return tuple(get_close_matches(text[:40], list(known), n=3, cutoff=0.5))
