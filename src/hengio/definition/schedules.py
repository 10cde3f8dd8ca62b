"""Checks of a schedule's numbers, dates, time zone, country and cron fields, and that it ever fires (H1, H3.6)."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from hengio.cron.errors import CronError
from hengio.cron.parse import parse
from hengio.definition import cities, ranges, words
from hengio.definition.findings import Findings
from hengio.model.schedule import CronSchedule, OneTime, Schedule
from hengio.timetable import country
from hengio.timetable.compile import timetable

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_MACHINE = frozenset({"localtime", "Factory"})
"""Names under which a machine keeps its own zone, or none."""


def check(schedule: Schedule, findings: Findings, path: str) -> None:
    """Tell everything wrong with the values of a schedule whose shape is right."""
    errors = len(findings.errors)
    ranges.check(msgspec.structs.asdict(schedule), ranges.SCHEDULE, findings, path)
    ranges.check(msgspec.structs.asdict(schedule.misfire), ranges.MISFIRE, findings, f"{path}.misfire")
    _check_zone(schedule.timezone, findings, f"{path}.timezone")
    _check_period(schedule, findings, path)
    _check_calendar(schedule, findings, f"{path}.calendar")
    match schedule:
        case CronSchedule(expression=expression):
            _check_cron(expression, findings, f"{path}.expression")
        case OneTime(execute_at=moment) if not _MOMENT.fullmatch(moment) or _read(moment) is None:
            hint = "write it as `2026-11-23T08:00:00` or with its offset, `2026-11-23T08:00:00+07:00`"
            findings.error(f"{path}.execute_at", f"{words.shown(moment)} is not a date and time", hint)
        case _:
            pass
    if len(findings.errors) == errors:
        _check_fires(schedule, findings, path)


def _check_zone(name: str, findings: Findings, path: str) -> None:
    known = _zones()
    if known and name not in known:  # a machine without the zone database knows none: then nothing is said
        findings.error(path, f"there is no time zone {words.shown(name)}", _zone_hint(name, known))


def _zone_hint(name: str, known: frozenset[str]) -> str:
    zone = cities.zone(name)
    return f"did you mean `{zone}`?" if zone in known else words.close(name, known)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _MACHINE)


def _check_period(schedule: Schedule, findings: Findings, path: str) -> None:
    for name in ("start_date", "end_date"):
        given = getattr(schedule, name)
        if given is not None and _read(given) is None:
            hint = "write it as `2026-11-23` or `2026-11-23T08:00:00+07:00`"
            findings.error(f"{path}.{name}", f"{words.shown(given)} is not a date", hint)
    if schedule.start_date is None or schedule.end_date is None:
        return
    first = _moment(schedule.start_date, schedule.timezone, time.min)
    last = _moment(schedule.end_date, schedule.timezone, time.max)
    if first is not None and last is not None and last < first:
        findings.error(f"{path}.end_date", "must not come before `start_date`")


def _check_calendar(schedule: Schedule, findings: Findings, path: str) -> None:
    code = schedule.calendar.skip_holidays
    if code is not None:
        _check_country(code, findings, f"{path}.skip_holidays")
    for place, day in enumerate(schedule.calendar.blackout_dates):
        if findings.full:
            return
        if not _DATE.fullmatch(day) or _read(day) is None:
            message = f"{words.shown(day)} is not a date"
            findings.error(f"{path}.blackout_dates[{place}]", message, "write it as `2026-11-23`")


def _check_country(code: str, findings: Findings, path: str) -> None:
    try:
        country.check(code)
    except country.UnknownCountry as error:
        hint = "two capital letters as in ISO 3166, such as `VN`; for a part of a country `DE-BY`"
        if error.near:
            hint = f"did you mean {' or '.join(f'`{each}`' for each in error.near)}? {hint}"
        findings.error(path, f"{words.shown(code)} is not a country whose holidays are known", hint)


def _check_cron(text: str, findings: Findings, path: str) -> None:
    try:
        expression = parse(text)
    except CronError as error:
        findings.error(path, error.message, error.hint)
        return
    if expression.dialect == "unix":
        hint = "Sunday is 0 or 7; with a second in front it is a Quartz expression, where Sunday is 1"
        findings.warn(path, f"read as five-field Unix cron: `{' '.join(text.split())}`", hint)


def _check_fires(schedule: Schedule, findings: Findings, path: str) -> None:
    """That a schedule whose times are fixed has any that it does not leave out itself; no clock is needed for that."""
    if not isinstance(schedule, CronSchedule | OneTime) or not _zones():
        return
    table = timetable(schedule, anchor=0)
    fire = next(table.fires(-1), None)
    if fire is not None and not _fires_for_want_of_holidays(schedule, fire.local):
        return
    left_out = next(table.after(-1), None)
    hint = f"its calendar leaves out every time, such as {left_out.local}: {left_out.note}" if left_out else ""
    field = "expression" if isinstance(schedule, CronSchedule) else "execute_at"
    findings.error(f"{path}.{field}", "it never fires", hint)


def _fires_for_want_of_holidays(schedule: Schedule, first: str) -> bool:
    """Whether a schedule leaves out all times up to the last year whose holidays are known, as one of New Year does."""
    code = schedule.calendar.skip_holidays
    return code is not None and schedule.start_date is None and int(first[:4]) >= country.years(code).stop


def _read(text: str) -> datetime | None:
    """The date, or date and time, that a text means; None if it means none."""
    if not _DATE.fullmatch(text) and not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _moment(text: str, zone: str, of_day: time) -> datetime | None:
    """The instant that a text means in the zone; for a date alone, that time of its day."""
    read = _read(text)
    if read is None or zone not in _zones():
        return None
    if _DATE.fullmatch(text):
        read = datetime.combine(date.fromisoformat(text), of_day)
    return read if read.tzinfo is not None else read.replace(tzinfo=ZoneInfo(zone))
