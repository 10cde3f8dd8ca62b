"""The next fires of a schedule, before anybody saves it (H1.7). Pure: the present is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from hengio.clock import SECOND, Micros, to_datetime
from hengio.model.schedule import ZONE, FixedDelay, Schedule
from hengio.timetable import country
from hengio.timetable.compile import timetable
from hengio.timetable.occurrence import DAY, Occurrence, SkipReason, noted

MOST = 10_000
_HOME = {ZONE: "VN", "Asia/Saigon": "VN"}
"""Zones in which the holidays of a country are marked also where a schedule says nothing of them."""


class Previewed(Struct, frozen=True):
    """A time of a schedule as ISO 8601, local with its offset and in UTC, with what is special about it.

    `skip` is why the schedule itself leaves it out.
    """

    local: str
    utc: str
    note: str = ""
    skip: SkipReason | None = None


def preview(schedule: Schedule, *, start: Micros, count: int, every: bool = False) -> list[Previewed]:
    """The first fires from `start` on, at most `count` of them; with `every` also the times that are left out.

    A fixed rate without a `start_date` counts from `start`, and a fixed delay as if an execution ended then. Raises
    `InvalidSchedule`.
    """
    table = timetable(schedule, anchor=start)
    found = table.after(start - 1) if every else table.fires(start - 1)
    return [_shown(each, schedule) for each in islice(found, min(count, MOST))]


def _shown(each: Occurrence, schedule: Schedule) -> Previewed:
    utc = to_datetime(each.at).isoformat().replace("+00:00", "Z")
    return Previewed(each.local, utc, noted(*_notes(each, schedule)), each.skip)


def _notes(each: Occurrence, schedule: Schedule) -> Iterator[str]:
    yield each.note
    marked = schedule.calendar.skip_holidays or _HOME.get(schedule.timezone)
    if marked and each.skip != "holiday" and (name := country.holiday(marked, (each.at + each.offset * SECOND) // DAY)):
        yield f"public holiday: {name}"
    if isinstance(schedule, FixedDelay):
        yield "at the earliest"
