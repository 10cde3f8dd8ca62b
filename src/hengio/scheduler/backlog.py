"""The nominal times of a schedule that are to be decided: few of them, however long nobody was there. Pure."""

from __future__ import annotations

from collections import deque
from itertools import takewhile

from msgspec import Struct

from hengio.clock import SECOND, Micros
from hengio.timetable.occurrence import Occurrence
from hengio.timetable.timetable import Timetable

MOST = 1_000
"""So many are decided one by one; what is older is one row of the ledger that stands for all of it."""
_FIRST_SPAN = 900 * SECOND


class Backlog(Struct, frozen=True):
    """The latest of the times to decide, ascending, and the one that follows `now`. `older` are the bounds of those
    before them, if there are any."""

    times: tuple[Occurrence, ...]
    upcoming: Occurrence | None = None
    older: tuple[Micros, Micros] | None = None


def backlog(table: Timetable, *, since: Micros, now: Micros) -> Backlog:
    """Everything after `since`, up to and including `now`."""
    times: list[Occurrence] = []
    for one in table.after(since):
        if one.at > now:
            return Backlog(tuple(times), one)
        if len(times) == MOST:
            return _long(table, since=since, now=now)
        times.append(one)
    return Backlog(tuple(times))


def _long(table: Timetable, *, since: Micros, now: Micros) -> Backlog:
    newest = _newest(table, since=since, now=now)
    return Backlog(newest, next(table.after(now), None), older=(since + 1, newest[0].at - 1))


def _newest(table: Timetable, *, since: Micros, now: Micros) -> tuple[Occurrence, ...]:
    """The last of them, found from the end: a longer look back until it holds enough."""
    span = _FIRST_SPAN
    while True:
        start = max(since, now - span)
        found = deque(takewhile(lambda one: one.at <= now, table.after(start)), maxlen=MOST)
        if len(found) == MOST or start == since:
            return tuple(found)
        span *= 4
