"""When a `fixed_delay` fires next (H1.3): by adding, where nothing is special about the day."""

from __future__ import annotations

from hengio.clock import SECOND, Micros
from hengio.model.schedule import FixedDelay
from hengio.scheduler.simulation.nominal import LeftOut
from hengio.timetable import moments
from hengio.timetable import zone as zones
from hengio.timetable.calendar import Calendar
from hengio.timetable.compile import timetable
from hengio.timetable.occurrence import DAY

_NEVER: Micros = 1 << 62


class Delays:
    """The time that follows the end of an execution. Raises `InvalidSchedule`."""

    def __init__(self, schedule: FixedDelay, *, since: Micros) -> None:
        timetable(schedule, anchor=since)
        self._schedule = schedule
        self._delay = schedule.delay_seconds * SECOND
        zone, start, end = schedule.timezone, schedule.start_date, schedule.end_date
        self._first = 0 if start is None else moments.beginning(start, zone)
        self._last = _NEVER if end is None else moments.end(end, zone)
        self._calendar = Calendar(schedule.calendar)
        self._segment = next(zones.segments(zone, since))
        self.left_out = LeftOut()

    def after(self, ended: Micros, *, until: Micros) -> Micros | None:
        """The first fire after that end, before `until`. What is left out until then is counted, once."""
        at = self._first if self._first > ended else ended + self._delay
        if at > self._last or at >= until:
            return None
        if self._calendar.empty or (self._calendar.shift == "skip" and not self._calendar.off(self._day(at))):
            return at
        for one in timetable(self._schedule, anchor=ended).after(ended):
            if one.at >= until:
                return None
            if one.skip is None:
                return one.at
            self.left_out.add(one)
        return None

    def _day(self, at: Micros) -> int:
        if not self._segment.start <= at < self._segment.end:
            self._segment = next(zones.segments(self._schedule.timezone, at))
        return (at + self._segment.offset) // DAY
