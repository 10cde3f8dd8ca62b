"""Checks of a schedule's numbers, dates, time zone and cron fields (H1, H3.6). When it fires is not decided here."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from hengio.definition import ranges, words
from hengio.definition.findings import Findings
from hengio.model.schedule import CronSchedule, OneTime, Schedule

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_CRON_FIELDS = (5, 6, 7)
_MACHINE = frozenset({"localtime", "Factory"})
"""Names under which a machine keeps its own zone, or none."""


def check(schedule: Schedule, findings: Findings, path: str) -> None:
    """Tell everything wrong with the values of a schedule whose shape is right."""
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


def _check_zone(name: str, findings: Findings, path: str) -> None:
    known = _zones()
    if known and name not in known:  # a machine without the zone database knows none: then nothing is said
        findings.error(path, f"there is no time zone {words.shown(name)}", words.close(name, known))


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
    country = schedule.calendar.skip_holidays
    if country is not None and not _COUNTRY.fullmatch(country):
        hint = "two capital letters as in ISO 3166, such as `VN`; for a part of a country `DE-BY`"
        findings.error(f"{path}.skip_holidays", f"{words.shown(country)} is not a country", hint)
    for place, day in enumerate(schedule.calendar.blackout_dates):
        if findings.full:
            return
        if not _DATE.fullmatch(day) or _read(day) is None:
            message = f"{words.shown(day)} is not a date"
            findings.error(f"{path}.blackout_dates[{place}]", message, "write it as `2026-11-23`")


def _check_cron(expression: str, findings: Findings, path: str) -> None:
    """The number of fields only; what stands in them is read where fires are computed."""
    fields = len(expression.split())
    if fields not in _CRON_FIELDS:
        hint = "`sec min hour day-of-month month day-of-week [year]`, or the five fields of Unix"
        findings.error(path, f"a cron expression has 6 or 7 fields, or the 5 of Unix; this has {fields}", hint)


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
